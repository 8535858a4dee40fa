"""Which vital sign slot belongs to which event loop, and when that loop last turned."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import deque
from typing import Any, Callable

from lifesign.agent.native import RLock
from lifesign.wire import layout

NEVER_NS = 1 << 62
_ENDED_MAX = 50
SPARE = 250  # objects that a beat of the watchdog makes at most, and a walk each time it looks at the clock
_MORE = 3  # at the last but one it is one too many, and newer Pythons collect a moment later
_LATE_MAX = 1000  # that are kept until the watchdog's thread has seen them

ended: deque[weakref.ReferenceType[asyncio.AbstractEventLoop]] = deque(maxlen=_ENDED_MAX)  # loops that ran, newest last


class Beating:
    """A running loop: its thread, its newest beat on both clocks, and what makes sure that there is a next one.

    `cpu_ns` is what the thread had used of the processor at that beat; `outer` is how many frames of the thread are the
    loop's own and of those who called it, 0 before that is known. The loop replaces `newest` at each beat, all three as
    one: who compares beats, or uses what belongs to one, takes a copy.
    """

    __slots__ = ("look_after", "loop", "native_thread", "newest", "outer", "thread")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread: int,
        native_thread: int,
        mono_ns: int,
        wall_ns: int,
        look_after: Callable[[], None],
        cpu_ns: int = 0,
        outer: int = 0,
    ) -> None:
        self.loop = loop
        self.thread = thread
        self.native_thread = native_thread
        self.newest = mono_ns, wall_ns, cpu_ns
        self.look_after = look_after
        self.outer = outer

    def copy(self) -> Beating:
        """As it is now, for good."""
        mono_ns, wall_ns, cpu_ns = self.newest
        return Beating(
            self.loop, self.thread, self.native_thread, mono_ns, wall_ns, self.look_after, cpu_ns, self.outer
        )

    @property
    def mono_ns(self) -> int:
        return self.newest[0]

    @property
    def wall_ns(self) -> int:
        return self.newest[1]

    @property
    def cpu_ns(self) -> int:
        return self.newest[2]


class LateBeat:
    """A beat, or the end of a loop, that came late: after which one, when, and the thread's processor time."""

    def __init__(self, slot: int, before: Beating, mono_ns: int, delay_ns: int, cpu_ns: int) -> None:
        self.slot = slot
        self.before = before
        self.mono_ns = mono_ns
        self.delay_ns = delay_ns
        self.cpu_ns = cpu_ns


class LoopSlots:
    """The slots of the loops that run.

    `beats` counts per slot and goes on with the slot's next loop, so that the sum over all slots
    never falls. `unwatched` is how many loops run without one. Beats that come later than `late_ns` are kept in `late`,
    and `waited` counts per slot, as `beats` does, for how many nanoseconds a loop could not turn as it waited.
    There are `errands` for loops as they beat: `to_collect`, a generation of objects for the next of them; of 0 it
    has Python do it. And `left`, by slot, tasks to let go of.

    Args:
        more: makes more slots where all are taken; returns how many, 0 if there can be no more.
    """

    def __init__(self, more: Callable[[], int] = lambda: 0) -> None:
        self._more = more
        self.unwatched = 0
        self.late_ns = NEVER_NS
        self.errands = False
        self.to_collect: int | None = None
        self.left: dict[int, list[Any]] = {}
        self.late: deque[LateBeat] = deque(maxlen=_LATE_MAX)
        self.beats = [0] * layout.LOOPS
        self.waited = [0] * layout.LOOPS
        self.beating: list[Beating | None] = [None] * layout.LOOPS
        self._free = list(range(layout.LOOPS))
        self._lock = RLock()  # reentrant: a signal handler may start a loop

    def take(self) -> int | None:
        """A free slot, or None when as many loops run as there are slots."""
        with self._lock:
            if not self._free:
                made = self._more()
                self._free += range(len(self.beats), len(self.beats) + made)
                self.beats += [0] * made
                self.waited += [0] * made
                self.beating += [None] * made
            return self._free.pop(0) if self._free else None

    def give_back(self, slot: int) -> None:
        with self._lock:
            ends = self.beating[slot]
            if ends is not None:
                ended.append(weakref.ref(ends.loop))
            self.beating[slot] = None
            self._free.insert(0, slot)

    def run_errands(self, slot: int) -> None:
        """In the thread of the loop that has this slot."""
        self.errands = False  # before: what the watchdog adds meanwhile is for the next time
        self.left.pop(slot, None)
        if self.left:
            self.errands = True
        self.collect()

    def collect(self) -> None:
        """Collects what is to be, in the thread of a loop."""
        generation, self.to_collect = self.to_collect, None
        if generation is None or not gc.isenabled():
            return
        if generation:
            gc.collect(generation)
            return
        # Made to collect by one object too many, Python collects older generations when it is their turn. Whoever
        # always collects the youngest alone, just before that, keeps their garbage for ever.
        left = gc.get_threshold()[0] - gc.get_count()[0]
        if left < SPARE:
            _ = [set() for _ in range(left + _MORE)]

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The loops that run now."""
        return [one.loop for one in self.beating if one is not None]

    def by_thread(self) -> dict[int, asyncio.AbstractEventLoop]:
        """The same, each by the number of its thread."""
        return {one.thread: one.loop for one in self.beating if one is not None}
