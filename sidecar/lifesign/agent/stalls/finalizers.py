"""Where the program's garbage is collected: in threads of the program's, as without us.

Python collects in whichever thread makes one object too many, and what comes of it runs there: finalizers, the
`finally` of coroutines that nobody awaits, exception handlers of loops. Some of that works in one thread only (a
connection of sqlite3, Tk), some wakes no loop from another one, some takes long. A program with one thread need not
think of it. So before the watchdog's thread makes objects while few are left until then, a loop makes these as it
beats, and Python collects there. It is no more work than it would have been.
"""

from __future__ import annotations

import gc
import time

from lifesign.agent.native import sleep
from lifesign.agent.slots import SPARE, LoopSlots

_LOOK_SECONDS = 0.002


class Finalizers:
    """Leaves collections to the loops that turn.

    Args:
        interval: seconds between two beats of a loop.
    """

    def __init__(self, slots: LoopSlots, interval: float) -> None:
        self._slots = slots
        self._late_ns = int(2 * interval * 1e9)
        self._patience = 2 * interval
        self._until = 0.0  # when patience with the loops ends

    def are_near(self) -> bool:
        """Whether there may be a collection soon."""
        most = gc.get_threshold()[0]
        return most > 0 and gc.get_count()[0] > most - min(SPARE, most // 2) and gc.isenabled()

    def ask(self, generation: int = 0) -> bool:
        """Asks for a collection at the next beat of a loop; False where none is expected."""
        now = time.monotonic_ns()
        if not any(one is not None and now - one.mono_ns < self._late_ns for one in self._slots.beating):
            return False
        self._slots.to_collect = max(generation, self._slots.to_collect or 0)
        return True

    def step_aside(self) -> bool:
        """Whether there may be a collection soon, which a loop is about to have first; for a moment."""
        if not self.are_near():
            self._until = 0.0
            if self._slots.to_collect == 0:  # an older generation was asked for by others
                self._slots.to_collect = None
            return False
        now = time.monotonic()
        if not self._until:
            if not self.ask():
                return False
            self._until = now + self._patience
        return now < self._until

    def wait(self) -> None:
        """Steps aside in the middle of something."""
        while self.step_aside():
            sleep(_LOOK_SECONDS)
