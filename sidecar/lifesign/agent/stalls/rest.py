"""Whether event loops rest, so that there is no need to look after them at every beat of theirs.

To be there for every stall of the threshold's length the watchdog's thread must wake up as often as the threshold is
long. Where a service has nothing to do and has not stalled for a good while, that costs more than it brings: a stall
is counted and timed by the beats around it all the same, and one that lasts is sampled once the watchdog beats.
"""

from __future__ import annotations

import time
from typing import Callable

from lifesign.agent.slots import LoopSlots

# In heartbeat timeouts, of 3 s by default:
CALM = 40  # without work, and since the loops began: two minutes
WINDOW = 10  # in which it is measured: half a minute
AFTER_A_STALL = 200  # ten minutes ...
AFTER_A_STALL_MAX = 57_600  # ... to two days

_AGAIN = 4  # times as long after one whose culprit went unseen: what comes every day is to be seen one day
_WORKS = 100  # a loop works that uses this part of the time


class Rest:
    """The rest of the loops of one process.

    Args:
        interval: seconds between two beats of a loop.
        timeout: seconds after which a beat is stale.
    """

    def __init__(self, slots: LoopSlots, interval: float, timeout: float) -> None:
        self.on = False
        self._slots = slots
        self._overdue_ns = int(2 * interval * 1e9)
        unit = int(timeout * 1e9)
        self._calm_ns, self._window_ns = CALM * unit, WINDOW * unit
        self._awake_ns, self._awake_max_ns = AFTER_A_STALL * unit, AFTER_A_STALL_MAX * unit
        self._since_ns = time.monotonic_ns()  # of the window
        self._cpu_ns = 0  # of all the loops, at that time
        self._loops: list[Callable[[], None]] = []  # which of them run; each time that a loop runs it is another one
        self._from_ns = self._since_ns + self._calm_ns

    def look(self, now: int) -> None:
        """Called at each beat of the watchdog; `now` in monotonic nanoseconds."""
        beating = [one for one in self._slots.beating if one is not None]
        loops, cpu = [one.look_after for one in beating], sum(one.cpu_ns for one in beating)
        passed = now - self._since_ns
        works = loops != self._loops or (cpu - self._cpu_ns) * _WORKS > max(passed, self._window_ns)
        if works:
            self._from_ns = max(self._from_ns, now + self._calm_ns)
        if works or passed >= self._window_ns:
            self._loops, self._cpu_ns, self._since_ns = loops, cpu, now
        overdue = any(now - one.mono_ns > self._overdue_ns for one in beating)
        self.on = bool(beating) and now >= self._from_ns and not overdue

    def stalled(self, now: int, *, seen: bool) -> None:
        """A stall has ended.

        Args:
            seen: it is known who or what made it.
        """
        if self.on and not seen:
            self._awake_ns = min(_AGAIN * self._awake_ns, self._awake_max_ns)
        self.on = False
        self._from_ns = max(self._from_ns, now + self._awake_ns)
