"""The real parts that the end-to-end tests stand on; `make test` says where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Iterator

import pytest
from collector import Collector
from jaeger import Jaeger

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
