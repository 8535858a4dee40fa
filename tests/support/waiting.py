"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def eventually(holds: Callable[[], T], seconds: float = 10.0, every: float = 0.003) -> T:
    """Waits until `holds` gives something true, and returns it; fails when it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"it did not hold within {seconds:g} s")
