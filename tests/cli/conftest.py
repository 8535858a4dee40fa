"""A command line run in this process, and watched processes made by hand to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lifesign
from support.commands import Ended, caller
from support.mainprocess import Keeper, Main

INJECT = Path(lifesign.__file__).parent / "agent" / "inject"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the test sets a setting."""
    for name in list(os.environ):
        if name.startswith(("LIFESIGN_", "OTEL_", "BOOT_TIMEOUT_S")):
            monkeypatch.delenv(name)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments, in this process."""
    return caller(capfd)


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An empty run directory."""
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def main_process(run: Path, keeper: Keeper) -> Iterator[Callable[..., Main]]:
    """Makes main processes in the run directory by hand."""
    made: list[Main] = []

    def make(key: str = "4242-00000001", **changes: Any) -> Main:
        made.append(Main(run, keeper, key, pid=int(key.partition("-")[0]), **changes))
        return made[-1]

    yield make
    for one in made:
        one.pulse.close()
