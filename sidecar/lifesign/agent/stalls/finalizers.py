"""Where the program's garbage is collected: in threads of the program's, as without us.

Python collects in whichever thread makes one object too many, and what comes of it runs there: finalizers, the
`finally` of coroutines that nobody awaits, exception handlers of loops. Some of that works in one thread only (a
connection of sqlite3, Tk), some wakes no loop from another one, some takes long. A program with one thread need not
think of it. So before the watchdog's thread makes objects while few are left until then, a loop makes these as it
beats, and Python collects there. It is no more work than it would have been. And a task that ends while the watchdog
looks at it is let go of by its loop.
"""

from __future__ import annotations

import contextlib
import gc
import time
from typing import Any

from lifesign.agent.native import sleep
from lifesign.agent.slots import SPARE, Beating, LoopSlots
from lifesign.agent.tasks import odd

_LOOK_SECONDS = 0.002
_PATIENCE_SECONDS = 0.25  # with a loop that has beaten not longer ago, at least
_KEPT_MAX = 10_000  # tasks that were looked at, or wait for a loop to let go of them


class Finalizers:
    """Leaves collections to the loops that turn.

    Args:
        interval: seconds between two beats of a loop.
    """

    def __init__(self, slots: LoopSlots, interval: float) -> None:
        self._slots = slots
        self._patience = max(_PATIENCE_SECONDS, 2 * interval)
        self._late_ns = int(self._patience * 1e9)
        self._until = 0.0  # when patience with the loops ends
        self._seen: list[list[Any]] = []
        self._kept = 0

    def are_near(self) -> bool:
        """Whether there may be a collection soon."""
        most = gc.get_threshold()[0]
        return most > 0 and gc.get_count()[0] > most - min(SPARE, most // 2) and gc.isenabled()

    def ask(self, generation: int = 0) -> bool:
        """Asks for a collection at the next beat of a loop; False where none is expected."""
        if not self._turning():
            return False
        self._slots.to_collect = max(generation, self._slots.to_collect or 0)
        self._slots.errands = True
        return True

    def _turning(self) -> list[Beating]:
        now = time.monotonic_ns()
        return [one for one in self._slots.beating if one is not None and now - one.mono_ns < self._late_ns]

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
        """Steps aside in the middle of a walk, which is to end some time: a loop collects at once."""
        if self.step_aside():
            self._wake_loop()
            while self.step_aside():
                sleep(_LOOK_SECONDS)

    def _wake_loop(self) -> None:
        for one in self._turning():
            with contextlib.suppress(Exception):  # it may be closed by now
                one.loop.call_soon_threadsafe(self._slots.collect)
                return

    def keep(self, tasks: list[Any]) -> None:
        """These are looked at: keeps them, if they are not very many, until `leave`."""
        if self._kept < _KEPT_MAX:
            self._kept += len(tasks)
            self._seen.append(tasks)

    def leave(self) -> None:
        """Nothing is looked at any more: of tasks that have ended their loops let go."""
        if not self._seen:
            return
        self._kept = 0
        slots = {id(one.loop): slot for slot, one in enumerate(self._slots.beating) if one is not None}
        ended: dict[int, list[Any]] = {}
        while self._seen:
            for task in self._seen.pop():
                slot = slots.get(id(odd.call(task, "get_loop"))) if odd.is_done(task) else None
                if slot is not None:
                    ended.setdefault(slot, []).append(task)
        for slot, tasks in ended.items():
            before = self._slots.left.pop(slot, [])
            self._slots.left[slot] = tasks + before[: max(0, _KEPT_MAX - len(tasks))]
            self._slots.errands = True
