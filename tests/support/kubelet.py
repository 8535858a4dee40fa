"""A rendered pod run by podman, and a stand-in for what a kubelet does and podman does not.

Podman's containers, users, memory limits, restarts and shared volumes are real. Arranged here are
 - native sidecars, which podman takes for init containers that never end: they are ordinary containers, and
   whoever uses this stops them last;
 - the downward API and $(VARIABLES), of which podman knows little: the values are filled in;
 - an emptyDir's mode 0777, and its memory: podman makes a folder of root's. There is no size limit;
 - restartPolicy Always, which podman applies to init containers too: it is OnFailure here;
 - probes and preStop hooks: they are left out, and asked here as a kubelet asks them;
 - the network, which is that of this machine, so that the Collector's loopback is the pod's.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import signal
import subprocess
import urllib.request
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from support.waiting import eventually

_PATIENCE = 120.0  # seconds for what takes a second on a machine with nothing else to do
_LEFT_OUT = ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports")


class Kubelet:
    """One pod.

    Args:
        podman: the command.
        folder: a scratch folder.
        name: with which that of the pod begins.
        spec: the pod's, as rendered.
    """

    def __init__(self, podman: str, folder: Path, name: str, spec: Mapping[str, Any]) -> None:
        self._podman = podman
        self._folder = folder
        self._name = f"{name}-{uuid.uuid4().hex[:8]}"
        self._spec = copy.deepcopy(dict(spec))
        self._volumes: list[str] = []

    def start(self) -> None:
        """Runs the pod; returns when its containers have started, its init containers ended."""
        for volume in self._spec["volumes"]:
            self._make(volume)
        init = self._spec.pop("initContainers")
        native = [container for container in init if container.pop("restartPolicy", None) == "Always"]
        self._spec["initContainers"] = [container for container in init if container not in native]
        self._spec["containers"] = native + self._spec["containers"]
        for container in self._spec["initContainers"] + self._spec["containers"]:
            for field in _LEFT_OUT:
                container.pop(field, None)
            for mount in container["volumeMounts"]:
                mount["name"] = f"{self._name}-{mount['name']}"
            _fill_in(container.get("env", ()))
        if self._spec.get("restartPolicy", "Always") == "Always":
            self._spec["restartPolicy"] = "OnFailure"
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self._name}, "spec": self._spec}
        path = self._folder / f"{self._name}.yaml"
        path.write_text(yaml.safe_dump(manifest))
        self.podman("kube", "play", "--network", "host", str(path))

    def remove(self) -> None:
        for arguments in (["pod", "rm", "-f", "-t", "0", self._name], ["volume", "rm", "-f", *self._volumes]):
            with contextlib.suppress(AssertionError):  # what never came to be
                self.podman(*arguments)

    def podman(self, *arguments: str) -> str:
        ended = subprocess.run(
            [self._podman, *arguments],
            cwd=self._folder,  # conmon writes a file "oom" where it is started
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, f"podman {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def state(self, container: str) -> dict[str, Any]:
        """What podman says of a container: Pid (on this machine), Running, ExitCode, OOMKilled."""
        (found,) = json.loads(self.podman("container", "inspect", f"{self._name}-{container}"))
        return {**found["State"], "RestartCount": found["RestartCount"]}

    def user(self, container: str) -> int:
        """The user that its first process runs as, on this machine."""
        status = Path(f"/proc/{self.state(container)['Pid']}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])

    def hook(self, container: str, hook: Mapping[str, Any]) -> None:
        """Runs a hook as a kubelet does, in the container; it must succeed."""
        self.podman("exec", f"{self._name}-{container}", *hook["exec"]["command"])

    def probe(self, container: str, probe: Mapping[str, Any]) -> int:
        """Runs a probe as a kubelet does, in the container or from outside; 0 if it succeeds."""
        if "httpGet" in probe:
            url = f"http://127.0.0.1:{probe['httpGet']['port']}{probe['httpGet']['path']}"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10):
                return 0
            return 1
        command = [self._podman, "exec", f"{self._name}-{container}", *probe["exec"]["command"]]
        return subprocess.run(command, cwd=self._folder, capture_output=True, check=False, timeout=60).returncode

    def answers(self, container: str, probe: Mapping[str, Any], code: int) -> None:
        """Waits until a probe ends with this exit code."""
        eventually(lambda: self.probe(container, probe) == code, seconds=_PATIENCE, every=0.1)

    def signal(self, container: str, number: signal.Signals) -> None:
        """To its first process, from outside: podman does not know, as with an end of its own."""
        os.kill(self.state(container)["Pid"], number)

    def restarted(self, container: str, pid: int) -> int:
        """Waits until another process than `pid` runs in it; returns the new one's pid."""

        def other() -> int:
            state = self.state(container)
            return state["Pid"] if state["Running"] and state["Pid"] not in (0, pid) else 0

        return eventually(other, seconds=_PATIENCE, every=0.1)

    def stop(self, container: str, grace: int) -> int:
        """SIGTERM, and SIGKILL after `grace` seconds; the exit code."""
        self.podman("stop", "-t", str(grace), f"{self._name}-{container}")
        return int(self.state(container)["ExitCode"])

    def wait(self, container: str) -> int:
        """Waits for its end; the exit code."""
        return int(self.podman("wait", f"{self._name}-{container}"))

    def logs(self, container: str) -> str:
        return self.podman("logs", f"{self._name}-{container}")

    def _make(self, volume: dict[str, Any]) -> None:
        name = f"{self._name}-{volume['name']}"
        empty, volume["name"] = volume["emptyDir"], name
        self._volumes.append(name)
        if empty.get("medium") == "Memory":
            options = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=mode=0777"]
            self.podman("volume", "create", *options, name)
            return
        self.podman("volume", "create", name)
        os.chmod(self.podman("volume", "inspect", "-f", "{{.Mountpoint}}", name).strip(), 0o777)


def _fill_in(variables: Iterable[dict[str, Any]]) -> None:
    """A field of the pod becomes a text that names it; a reference finds what stands before it."""
    known: dict[str, str] = {}
    for variable in variables:
        if "valueFrom" in variable:
            variable["value"] = f"the {variable.pop('valueFrom')['fieldRef']['fieldPath']}"
        variable["value"] = re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), variable["value"])
        known[variable["name"]] = variable["value"]
