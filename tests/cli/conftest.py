"""A command line run in this process, and watched processes made by hand to look at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import lifesign
from support.commands import Ended, caller

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
