"""What several rooms' tests stand on: a run directory, and main processes in it made by hand."""

from __future__ import annotations

import gc
import itertools
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from support.mainprocess import LockHolder, Main

_NUMBERS = itertools.count()
_DAY_NS = 86_400_000_000_000

# A shell that runs us in the background has these ignored, and so would all that we start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


# What is loaded until all tests are collected stays: nobody needs to look for garbage in it.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of the test's own, for a tenth of what pytest's own costs; it stays if the test fails."""
    failed = request.session.testsfailed
    path = tmp_path_factory.getbasetemp() / f"{request.node.originalname[:40]}-{next(_NUMBERS)}"
    path.mkdir(0o700)
    yield path
    if request.session.testsfailed == failed:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def holder() -> Iterator[LockHolder]:
    """Another process, which holds life tokens."""
    holder = LockHolder()
    yield holder
    holder.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An empty run directory."""
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def up_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages can be subtracted from the monotonic clock, however short a time ago this machine was started."""
    real = time.monotonic_ns
    monkeypatch.setattr(time, "monotonic_ns", lambda: real() + _DAY_NS)


@pytest.fixture
def main(run: Path, holder: LockHolder, up_for_a_day: None) -> Iterator[Callable[..., Main]]:
    """Makes main processes in the run directory, each with the pid in its folder's name."""
    made: list[Main] = []

    def make(key: str = "4242-00000001", **changes: Any) -> Main:
        made.append(Main(run, holder, key, pid=int(key.partition("-")[0]), **changes))
        return made[-1]

    yield make
    for one in made:
        one.pulse.close()
