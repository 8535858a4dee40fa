"""Walking slowly on purpose: a look at 100,000 tasks must not be felt by the loop that runs them."""

from __future__ import annotations

import time
from typing import Callable

SLICE = 50  # steps between two pauses
PAUSE_SECONDS = 0.002


class Pace:
    """Counts steps and pauses between slices of them, which hands the GIL to whoever wants it.

    Args:
        beat: called at each pause, so that a long walk does not look like a watchdog that stopped.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._steps = 0

    def step(self) -> None:
        self._steps += 1
        if self._steps % SLICE == 0:
            self._beat()
            time.sleep(PAUSE_SECONDS)
