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

# The files that take a minute or more, the longest first. They begin first: what is short evens out at the end, when
# some of the processes that tests run in have nothing left to do.
LONGEST = (
    "tests/e2e/apps/test_programs.py",
    "tests/e2e/stalls/test_stalls.py",
    "tests/e2e/boot/test_installed.py",
    "tests/e2e/causes/test_waits.py",
    "tests/e2e/alerts/test_alert_rules.py",
    "tests/e2e/ends/test_frozen.py",
    "tests/e2e/causes/test_causes.py",
    "tests/e2e/states/test_illnesses.py",
    "tests/e2e/delivery/test_accounting_slow_disk.py",
    "tests/benchmarks/test_benchmarks.py",
    "tests/e2e/ends/test_illness_ends.py",
    "tests/e2e/ends/test_families.py",
    "tests/e2e/page/test_day.py",
    "tests/e2e/gate/test_smoke.py",
    "tests/e2e/causes/test_threads.py",
    "tests/e2e/alerts/test_alerts.py",
    "tests/e2e/delivery/test_accounting.py",
    "tests/e2e/causes/test_stages.py",
    "tests/e2e/causes/test_pools.py",
    "tests/e2e/pods/test_pods.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    begins = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: begins.get(item.nodeid.partition("::")[0], len(LONGEST)))


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
