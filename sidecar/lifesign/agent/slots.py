"""Which vital sign slot belongs to which event loop, and when that loop last turned."""

from __future__ import annotations

import asyncio
from typing import Callable, NamedTuple

from lifesign.agent.native import RLock
from lifesign.wire import layout


class Beating(NamedTuple):
    """A running loop: its thread, its newest beat on both clocks, and what makes sure that there is a next one."""

    loop: asyncio.AbstractEventLoop
    thread: int
    native_thread: int
    mono_ns: int
    wall_ns: int
    look_after: Callable[[], None]


class LoopSlots:
    """The slots of the loops that run.

    `beats` counts per slot and goes on with the slot's next loop, so that the sum over all slots
    never falls. `unwatched` is how many loops run without one.

    Args:
        more: makes more slots where all are taken; returns how many, 0 if there can be no more.
    """

    def __init__(self, more: Callable[[], int] = lambda: 0) -> None:
        self._more = more
        self.unwatched = 0
        self.beats = [0] * layout.LOOPS
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
                self.beating += [None] * made
            return self._free.pop(0) if self._free else None

    def give_back(self, slot: int) -> None:
        with self._lock:
            self.beating[slot] = None
            self._free.insert(0, slot)

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The loops that run now."""
        return [one.loop for one in self.beating if one is not None]

    def by_thread(self) -> dict[int, asyncio.AbstractEventLoop]:
        """The same, each by the number of its thread."""
        return {one.thread: one.loop for one in self.beating if one is not None}
