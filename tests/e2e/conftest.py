"""The real parts that the end-to-end tests stand on; `make test` says where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Iterator

import pytest
from books import Books
from collector import Collector
from jaeger import Jaeger
from scene import Scene, Stage

from support.commands import Ended, caller


def _from(variable: str, how: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.fail(f"{variable} is not set: run `make test`, or set it to what {how} prints")
    return value


@pytest.fixture(scope="session")
def otelcol() -> str:
    """The Collector's binary."""
    return _from("LIFESIGN_TEST_OTELCOL", "tests/tools/otelcol.sh")


@pytest.fixture
def collector(otelcol: str, tmp_path: Path) -> Iterator[Collector]:
    """A real Collector that writes what it takes to a file."""
    running = Collector(otelcol, tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def kept(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Books]]:
    """A real Collector for all faults, and the books of what it took."""
    folder = tmp_path_factory.mktemp("collector")
    running = Collector(otelcol, folder)
    running.start()
    yield running, Books(folder / "telemetry.jsonl")
    running.stop()


@pytest.fixture
def outage(kept: tuple[Collector, Books]) -> Iterator[Collector]:
    """That Collector, to be stopped; it runs again afterwards."""
    yield kept[0]
    kept[0].stop()
    kept[0].start()


@pytest.fixture
def stage(kept: tuple[Collector, Books], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Makes a scene whose sidecars export to that Collector, named as the test."""
    made: list[Scene] = []

    def make(**environ: str) -> Scene:
        row = request.node.name.removeprefix("test_")
        made.append(Scene(row, tmp_path, kept[1], {**kept[0].environment("http/protobuf"), **environ}))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


@pytest.fixture
def routing_collector(otelcol: str, tmp_path: Path) -> Iterator[Collector]:
    """A real Collector that keeps what is synthetic apart."""
    running = Collector(otelcol, tmp_path, "synthetic.yaml")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments, in this process."""
    return caller(capfd)


@pytest.fixture(scope="session")
def apps() -> Path:
    """The `bin` of an environment with third-party programs and without lifesign."""
    return Path(_from("LIFESIGN_TEST_APPS", "tests/tools/apps.sh")) / "bin"


@pytest.fixture(scope="session")
def jaeger_binary() -> str:
    """Jaeger v2."""
    return _from("LIFESIGN_TEST_JAEGER", "tests/tools/jaeger.sh")


@pytest.fixture
def jaeger(jaeger_binary: str, tmp_path: Path) -> Iterator[Jaeger]:
    """A real Jaeger with an empty store."""
    with Jaeger(jaeger_binary, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus_binaries() -> Path:
    """The folder of `prometheus` and `promtool`."""
    return Path(_from("LIFESIGN_TEST_PROMETHEUS", "tests/tools/prometheus.sh"))


@pytest.fixture(scope="session")
def stores() -> dict[str, str]:
    """Where the servers are: `redis` a program, `postgres` a folder of programs."""
    at_hand = _from("LIFESIGN_TEST_STORES", "tests/tools/stores.sh")
    return dict(entry.split("=", 1) for entry in at_hand.split(":"))


@pytest.fixture(scope="session")
def compose_loader() -> str:
    """What reads compose files."""
    return _from("LIFESIGN_TEST_COMPOSE", "tests/tools/compose.sh")


@pytest.fixture(scope="session")
def alertmanager_binaries() -> Path:
    """The folder of `alertmanager` and `amtool`."""
    return Path(_from("LIFESIGN_TEST_ALERTMANAGER", "tests/tools/alertmanager.sh"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests gets in; spools go where they are forgotten."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "DRY_RUN")) or (
            name.startswith("LIFESIGN_") and not name.startswith("LIFESIGN_TEST_")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
