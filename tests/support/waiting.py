"""Waiting for what another thread, task or process does, for as long as no busy machine takes."""

from __future__ import annotations

import asyncio
import time
from typing import Awaitable, Callable, TypeVar

T = TypeVar("T")

PATIENCE = 30.0  # seconds


def eventually(holds: Callable[[], T], seconds: float = PATIENCE, every: float = 0.003) -> T:
    """Waits until `holds` gives something true, and returns it; fails when it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"it did not hold within {seconds:g} s")


async def until(holds: Callable[[], T], every: float = 0.003) -> T:
    """As `eventually`, while the loop turns."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not (found := holds()):
        assert asyncio.get_running_loop().time() < end, f"it did not hold within {PATIENCE:g} s"
        await asyncio.sleep(every)
    return found


async def in_time(awaitable: Awaitable[T]) -> T:
    """What it gives, unless it hangs."""
    return await asyncio.wait_for(awaitable, PATIENCE)
