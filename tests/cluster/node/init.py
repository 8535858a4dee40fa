"""The first process of a node's namespaces: arranges them, starts the programs of the node, and waits.

usage: python -m cluster.node.init FOLDER KUBERNETES IMAGES...

KUBERNETES is what tests/tools/kubernetes.sh printed, IMAGES are files that `podman save` wrote. Nothing here changes
what is outside of the namespaces, but for files in FOLDER and control groups of the node's name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster.client import Client
from cluster.node.place import ADDRESS, Place, output
from cluster.node.programs import Program, containerd, control_plane, credentials, workers

_PATIENCE = 180.0
# What kubelets want of the kernel, for the whole machine. Theirs are files that say so already.
_WANTED = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
           "kernel/keys/root_maxkeys": 1_000_000, "kernel/keys/root_maxbytes": 25_000_000}  # fmt: skip


class Node:
    """The programs of a node, started in an order in which each finds what it needs."""

    def __init__(self, place: Place, kubernetes: Path) -> None:
        self._place = place
        self._kubernetes = kubernetes
        self._pids: dict[int, Program] = {}
        self._began = time.monotonic()
        self._client = Client(place.kubeconfig)

    def up(self, images: list[Path]) -> None:
        credentials(self._place)
        control = control_plane(self._place, self._kubernetes)
        self._start(containerd(self._place), lambda: Path("/run/containerd/containerd.sock").exists())
        self._start(control[0], lambda: True)
        self._start(control[1], self._client.ready)
        self._say("the API server answers")
        for program in (*control[2:], *workers(self._place, self._kubernetes)):
            self._start(program, lambda: True)
        for image in images:
            output("ctr", "--namespace", "k8s.io", "images", "import", str(image))
        self._say("the images are there")
        self._wait("the node", self._is_ready)
        self._place.ready.touch()
        self._say("the node is ready")

    def watch(self) -> int:
        """Waits for ever, unless a program ends; buries what dies without a parent."""
        while True:
            pid, _ = os.wait()
            if pid in self._pids:
                return self._ended(pid)

    def _start(self, program: Program, is_up: Callable[[], bool]) -> None:
        log = (self._place.logs / f"{program.name}.log").open("wb")
        with log:
            process = subprocess.Popen(program.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self._pids[process.pid] = program
        process.returncode = 0  # it is this module that waits for it
        self._wait(program.name, is_up)

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not holds():
            for pid in self._pids:
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self._ended(pid)
                    raise SystemExit(1)
            if time.monotonic() > until:
                self._say(f"{what} is not there after {_PATIENCE:.0f} s; the logs are in {self._place.logs}")
                raise SystemExit(1)
            time.sleep(0.1)

    def _ended(self, pid: int) -> int:
        log = self._place.logs / f"{self._pids[pid].name}.log"
        self._say(f"{self._pids[pid].name} has ended, which it must not; the end of {log}:")
        print(*log.read_text(errors="replace").splitlines()[-20:], sep="\n", flush=True)
        return 1

    def _is_ready(self) -> bool:
        conditions = [
            condition
            for node in self._client.get("/api/v1/nodes").get("items", ())
            for condition in node["status"].get("conditions", ())
            if not node["spec"].get("taints")
        ]
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def _say(self, text: str) -> None:
        print(f"cluster: {time.monotonic() - self._began:5.1f} s  {text}", flush=True)


def arrange(place: Place) -> None:
    """The mounts and the network, which are nobody else's."""
    steps = [
        "mount --make-rshared /",  # volumes of the kubelet are to be seen in containers
        "mount -t tmpfs node /run",
        "mkdir -p /run/lib /run/work /run/sysctl /run/node",
        "mount -t tmpfs node /var/log",
        "mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib,workdir=/run/work node /var/lib",
        "ip link set lo up",
        f"ip address add {ADDRESS}/32 dev lo",
        "ip route add default dev lo",
    ]
    for step in steps:
        output(*step.split())
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for part in ("kernel", "vm", "fs"):  # the kernel has one of these for everybody
        path = f"/proc/sys/{part}"
        output("mount", "--bind", path, path)
        output("mount", "-o", "remount,bind,ro", path)
    for name, value in _WANTED.items():
        if os.path.exists(f"/proc/sys/{name}"):
            file = Path("/run/sysctl", name.replace("/", "."))
            file.write_text(f"{value}\n")
            output("mount", "--bind", str(file), f"/proc/sys/{name}")


def main() -> int:
    place, kubernetes, images = Place(Path(sys.argv[1])), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    arrange(place)
    node = Node(place, kubernetes)
    node.up(images)
    return node.watch()


if __name__ == "__main__":
    raise SystemExit(main())
