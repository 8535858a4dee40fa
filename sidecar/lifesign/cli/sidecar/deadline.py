"""The end of the sidecar comes in time, whatever hangs.

A call to a disk that stands still keeps its thread until the disk comes back, and Python waits for its threads.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

GRACE = 1.0  # seconds beyond, for what an end needs that went well


class Deadline:
    """How long an end may take.

    Args:
        seconds: from `begin` on.
        leave: ends this process, should it still be there then and a grace later.
    """

    def __init__(self, seconds: float, leave: Callable[[], object] | None = None) -> None:
        self._seconds = seconds
        self._leave = leave
        self._at: float | None = None

    def begin(self) -> None:
        """The end was asked for. Safe to call twice."""
        if self._at is not None:
            return
        self._at = time.monotonic() + self._seconds
        if self._leave is not None:
            timer = threading.Timer(self._seconds + GRACE, self._leave)
            timer.daemon = True
            timer.start()

    def left(self) -> float:
        """Seconds until the time is over; all of it before `begin`."""
        return self._seconds if self._at is None else max(0.0, self._at - time.monotonic())
