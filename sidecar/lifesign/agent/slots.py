"""Which vital sign slot belongs to which event loop."""

from __future__ import annotations

import asyncio
import threading

from lifesign.wire import layout


class LoopSlots:
    """The slots of the loops that run.

    `beats` counts per slot and goes on with the slot's next loop, so that the sum over all slots
    never falls.
    """

    def __init__(self) -> None:
        self.beats = [0] * layout.LOOPS
        self._loops: list[asyncio.AbstractEventLoop | None] = [None] * layout.LOOPS
        self._lock = threading.Lock()

    def take(self, loop: asyncio.AbstractEventLoop) -> int | None:
        """A free slot, or None when as many loops run as there are slots."""
        with self._lock:
            for slot, taken in enumerate(self._loops):
                if taken is None:
                    self._loops[slot] = loop
                    return slot
        return None

    def give_back(self, slot: int) -> None:
        self._loops[slot] = None

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The loops that run now."""
        return [loop for loop in self._loops if loop is not None]
