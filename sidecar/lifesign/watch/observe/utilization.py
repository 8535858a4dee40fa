"""How much of the time event loops work, from the processor time of their threads."""

from __future__ import annotations

from collections import deque
from typing import Iterable, NamedTuple

from lifesign.wire import layout
from lifesign.wire.reader import LoopSigns

_SPAN_NS = 5_000_000_000  # over which it is averaged, as long as between two exports of metrics
_MARKS = 64
_SPAN_MIN_NS = 300_000_000  # fewer beats than lie in this say nothing


class _Mark(NamedTuple):
    mono_ns: int
    active_ns: int


class _Loop:
    def __init__(self, generation: int, mark: _Mark) -> None:
        self.generation = generation
        self.marks = deque([mark], maxlen=_MARKS)

    def utilization(self) -> float | None:
        first, last = self.marks[0], self.marks[-1]
        span = last.mono_ns - first.mono_ns
        return None if span < _SPAN_MIN_NS else min(1.0, (last.active_ns - first.active_ns) / span)


class Utilization:
    """Of the loops of one process; what they did before we watched is not known.

    An agent that writes no processor times has none, which is not the same as 0.
    """

    def __init__(self) -> None:
        self._loops: dict[int, _Loop] = {}  # by slot
        self._known = False
        self._active = 0
        self._idle = 0

    def update(self, loops: Iterable[LoopSigns]) -> None:
        """Takes the newest signs of all loops."""
        running = {signs.slot: signs for signs in loops if signs.state == layout.LOOP_RUNNING and signs.cpu_ns}
        self._known = self._known or bool(running)
        self._loops = {
            slot: loop
            for slot, loop in self._loops.items()
            if slot in running and running[slot].generation == loop.generation
        }
        for slot, signs in running.items():
            mark = _Mark(signs.mono_ns, signs.cpu_ns + signs.waited_ns)
            loop = self._loops.get(slot)
            if loop is None or mark.mono_ns < loop.marks[-1].mono_ns or mark.active_ns < loop.marks[-1].active_ns:
                self._loops[slot] = _Loop(signs.generation, mark)  # no clock goes back but in a hostile pulse
            elif mark.mono_ns > loop.marks[-1].mono_ns:
                self._add(loop, mark)

    def _add(self, loop: _Loop, mark: _Mark) -> None:
        before = loop.marks[-1]
        length = mark.mono_ns - before.mono_ns
        active = min(length, mark.active_ns - before.active_ns)
        self._active += active
        self._idle += length - active
        loop.marks.append(mark)
        while len(loop.marks) > 2 and mark.mono_ns - loop.marks[1].mono_ns >= _SPAN_NS:
            loop.marks.popleft()

    @property
    def by_slot(self) -> dict[int, float]:
        """The share of the last seconds, 0..1, in which each loop did not wait for something to do."""
        known = {slot: loop.utilization() for slot, loop in self._loops.items()}
        return {slot: share for slot, share in known.items() if share is not None}

    @property
    def times(self) -> tuple[float, float] | None:
        """Seconds that all loops together were active and idle since we watch; None where that is not known."""
        return (self._active / 1e9, self._idle / 1e9) if self._known else None
