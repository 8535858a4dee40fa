"""A command line run in this process, and watched processes made by hand to look at."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import lifesign
from lifesign import off_loop
from support.commands import Ended, caller
from support.waiting import eventually

INJECT = Path(lifesign.__file__).parent / "agent" / "inject"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the test sets a setting."""
    for name in list(os.environ):
        if name.startswith(("LIFESIGN_", "OTEL_", "BOOT_TIMEOUT_S")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to a request are looked for more often than by people."""
    monkeypatch.setattr("lifesign.cli.query.request._POLL", 0.005)


@pytest.fixture
def no_other_thread() -> None:
    """A signal goes to any thread that lets it through: what earlier tests began must have ended.

    Threads beside a loop let none through, and wait for more to do.
    """
    beside = (off_loop.BUSY, off_loop.IDLE)
    eventually(lambda: [one for one in threading.enumerate() if one.name not in beside] == [threading.main_thread()])


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments, in this process."""
    return caller(capfd)
