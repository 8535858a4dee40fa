"""Walking slowly on purpose: reading 100,000 tasks must not disturb the loop that runs them."""

from __future__ import annotations

import time
from typing import Callable

from lifesign.agent.native import sleep

SLICE_SECONDS = 0.0005  # of processor time between two pauses
SHARE = 0.08  # of a core, as long as the walk ends in time
END_SECONDS = 4.5  # the share rises so that it does
PAUSE_MAX = 0.02
BEAT_SECONDS = 0.05
LOOK = 16  # steps between two looks at the clock


class Pace:
    """Counts steps and pauses between slices of them, which gives the GIL to other threads.

    Args:
        beat: called now and then, so that a long walk does not look like a watchdog that stopped.
        steps: roughly how many there will be.
    """

    def __init__(self, beat: Callable[[], None], steps: int) -> None:
        self._beat = beat
        self._expected = steps
        self._steps = 0
        self._slice_from = 0
        self._used = time.thread_time()
        self._next_beat = 0.0
        self._end = time.monotonic() + END_SECONDS

    def step(self) -> None:
        self._steps += 1
        if self._steps % LOOK == 0:
            self._look()

    def _look(self) -> None:
        used = time.thread_time() - self._used
        if used < SLICE_SECONDS:
            return
        now = time.monotonic()
        if now >= self._next_beat:
            self._beat()
            self._next_beat = now + BEAT_SECONDS
        slices_left = max(1.0, (self._expected - self._steps) / (self._steps - self._slice_from))
        sleep(max(0.0, min(used * (1 / SHARE - 1), (self._end - now) / slices_left, PAUSE_MAX)))
        self._slice_from = self._steps
        self._used = time.thread_time()
