"""The real parts that many end-to-end tests stand on; `make test` says where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Iterator

import pytest

from support.backends.collector import Collector
from support.backends.jaeger import Jaeger
from support.built import built, entries
from support.commands import Ended, caller


@pytest.fixture(scope="session")
def otelcol() -> str:
    """The Collector's binary."""
    return built("otelcol")


@pytest.fixture
def collector(otelcol: str, tmp_path: Path) -> Iterator[Collector]:
    """A real Collector that writes what it takes to a file."""
    running = Collector(otelcol, tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments, in this process."""
    return caller(capfd)


@pytest.fixture(scope="session")
def jaeger_binary() -> str:
    """Jaeger v2."""
    return built("jaeger")


@pytest.fixture
def jaeger(jaeger_binary: str, tmp_path: Path) -> Iterator[Jaeger]:
    """A real Jaeger with an empty store."""
    with Jaeger(jaeger_binary, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus_binaries() -> Path:
    """The folder of `prometheus` and `promtool`."""
    return Path(built("prometheus"))


@pytest.fixture(scope="session")
def alertmanager_binaries() -> Path:
    """The folder of `alertmanager` and `amtool`."""
    return Path(built("alertmanager"))


@pytest.fixture(scope="session")
def apps() -> Path:
    """The `bin` of an environment with third-party programs and without lifesign."""
    return Path(built("apps")) / "bin"


@pytest.fixture(scope="session")
def stores() -> dict[str, str]:
    """Where the servers are: `nats` and `redis` a program, `postgres` a folder of programs."""
    return entries(built("stores"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests gets in; spools go where they are forgotten."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "DRY_RUN")) or (
            name.startswith("LIFESIGN_") and not name.startswith("LIFESIGN_TEST_")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
