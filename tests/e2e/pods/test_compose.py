"""The compose file of docs/ways-to-run.md: resolved as `docker compose` does it, and its containers run by podman.

Compose is played here: what waits for whom, the hook before a container is stopped, and the order of stopping.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backends.collector import Collector
from support.built import built
from support.paths import DOCS
from support.waiting import eventually

PATIENCE = 120.0
SERVICE = "localhost/lifesign-test/python:"  # of which nothing knows of lifesign
IMAGE = "{{.Repository}}:{{.Tag}}"
RUNS = "import asyncio; asyncio.run(asyncio.sleep(600))"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    page = (DOCS / "ways-to-run.md").read_text()
    (block,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if one.startswith("services:"))
    file = tmp_path_factory.mktemp("compose") / "compose.yaml"
    file.write_text(block)
    loaded = subprocess.run([built("compose"), "-format=json", str(file)], capture_output=True, text=True, check=True)
    return dict(json.loads(loaded.stdout))


class Containers:
    """The services of the file, each a container; the images and the network are those of this machine."""

    def __init__(self, compose: dict[str, Any], folder: Path, endpoint: str) -> None:
        self._podman, _, self._image = os.environ.get("LIFESIGN_TEST_IMAGES", "").partition(" ")
        if not self._image:
            pytest.skip("no images here: tests/tools/images.sh says why")
        self._compose, self._folder, self._endpoint = compose, folder, endpoint
        self._name = f"compose-{uuid.uuid4().hex[:8]}"

    def podman(self, *arguments: str) -> str:
        ended = subprocess.run(
            [self._podman, *arguments], cwd=self._folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, f"podman {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def volumes(self) -> None:
        for name, volume in self._compose["volumes"].items():
            options = (volume or {}).get("driver_opts", {}).items()
            self.podman("volume", "create", *(f"--opt={key}={value}" for key, value in options), self.called(name))

    def run(self, service: str, *command: str) -> None:
        """Starts it; `command` is what the image of a service would run."""
        found = self._compose["services"][service]
        image = self._image if "lifesign" in found["image"] else self._python()
        environ = {**found.get("environment", {})}
        if "OTEL_EXPORTER_OTLP_ENDPOINT" in environ:
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = self._endpoint
        mounts = [
            f"--volume={self.called(mount['source'])}:{mount['target']}{':ro' if mount.get('read_only') else ''}"
            for mount in found.get("volumes", ())
        ]
        waited = "service_completed_successfully"
        self.podman(
            "run", *([] if waited in self._conditions(service) else ["--detach"]), "--network=host",
            f"--name={self.called(service)}", *mounts,
            *(f"--env={key}={value}" for key, value in environ.items()),
            *([f"--user={found['user']}"] if "user" in found else []),
            *(["--init"] if found.get("init") and self._has_init() else []),
            image, *(found.get("command") or command),
        )  # fmt: skip

    def stop(self, service: str) -> None:
        found = self._compose["services"][service]
        for hook in found.get("pre_stop") or ():
            self.podman("exec", self.called(service), *hook["command"])
        grace = found.get("stop_grace_period", "10s")
        self.podman("stop", "-t", grace.rstrip("s"), self.called(service))

    def remove(self) -> None:
        for service in self._compose["services"]:
            with contextlib.suppress(AssertionError):
                self.podman("rm", "-f", "-t", "0", self.called(service))
        for volume in self._compose["volumes"]:
            with contextlib.suppress(AssertionError):
                self.podman("volume", "rm", "-f", self.called(volume))

    def called(self, name: str) -> str:
        return f"{self._name}-{name}"

    def _conditions(self, service: str) -> set[str]:
        """What others wait for."""
        others = (one.get("depends_on") or {} for one in self._compose["services"].values())
        return {one[service]["condition"] for one in others if service in one}

    def _python(self) -> str:
        return next(name for name in self.podman("images", "--format", IMAGE).split() if name.startswith(SERVICE))

    def _has_init(self) -> bool:
        """Whether podman has the program that `init: true` puts first; the service handles SIGTERM itself if not."""
        return "catatonit" in self.podman("info", "--format", "json")


@pytest.fixture
def containers(compose: dict[str, Any], collector: Collector, tmp_path: Path) -> Iterator[Containers]:
    endpoint = collector.environment("http/protobuf")["OTEL_EXPORTER_OTLP_ENDPOINT"]
    made = Containers(compose, tmp_path, endpoint)
    made.volumes()
    yield made
    made.remove()


def test_the_services_of_the_page_are_watched_and_stop_as_asked(
    compose: dict[str, Any], containers: Containers, collector: Collector
) -> None:
    assert list(compose["services"]["shop"]["depends_on"]) == ["inject", "lifesign"]
    containers.run("inject")
    containers.run("lifesign")
    handles = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
    containers.run("shop", "python3", "-c", handles + RUNS)

    def state() -> set[tuple[Any, Any]]:
        return {
            (point.resource["service.name"], point.attributes["lifesign.state"])
            for point in collector.points()
            if point.metric == "lifesign.process.state" and point.value == 1
        }

    eventually(lambda: ("shop", "healthy") in state(), PATIENCE, 0.2)
    containers.stop("shop")
    containers.stop("lifesign")
    (end,) = [log for log in collector.logs() if log.event in ("lifesign.process.stopped", "lifesign.process.died")]
    assert (end.event, end.body) == ("lifesign.process.stopped", "ended by SIGTERM, as asked")
