"""The sidecar exits in time, whatever hangs.

A call to a hanging disk keeps its thread until the disk answers, and Python waits for its threads.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

GRACE = 1.0  # seconds on top, for what a normal exit needs


class Deadline:
    """How long the exit may take.

    Args:
        seconds: from `begin` on.
        leave: ends this process if it is still there after that and a grace period.
    """

    def __init__(self, seconds: float, leave: Callable[[], object] | None = None) -> None:
        self._seconds = seconds
        self._leave = leave
        self._at: float | None = None
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """The exit was asked for. Safe to call twice."""
        if self._at is not None:
            return
        self._at = time.monotonic() + self._seconds
        if self._leave is not None:
            self._timer = threading.Timer(self._seconds + GRACE, self._leave)
            self._timer.daemon = True
            self._timer.start()

    def lift(self) -> None:
        """There is a reason to stay: the exit may take any time, until it is asked for again."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()

    def left(self) -> float:
        """Seconds that are left; all of them before `begin`."""
        return self._seconds if self._at is None else max(0.0, self._at - time.monotonic())
