"""Who has stalled event loops, added up since the process began; what is written of it, and when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Hashable

from lifesign.agent.stalls.shares import Share
from lifesign.agent.stalls.stacktimes import StackTimes
from lifesign.agent.tasks.allowance import Allowance
from lifesign.wire.lane import LaneWriter
from lifesign.wire.layout import CULPRITS_MAX

if TYPE_CHECKING:
    from lifesign.wire.stalls import CulpritTotal, StallCulprit, StallTotals

BYTES = 16 * 1024  # of records at once, and in a minute
END_BYTES = 24 * 1024  # of culprits at the process's end: a small ring has more that was not read yet
TOTALS_SECONDS = 5.0  # between two records of all the numbers
QUIET_SECONDS = (
    10.0  # between two records of one culprit, which has grown by its half meanwhile; twice as long each time
)
QUIET_MAX_SECONDS = 600.0


class _Culprit:
    def __init__(self, number: int, share: Share) -> None:
        self.id = number
        self.what = share.what
        self.name = share.name
        self.slot = 0
        self.count = self.total = self.worst = self.last = self.samples = self.computing = 0
        self.task = self.coroutine = ""
        self.span: tuple[str, str] | None = None
        self.stacks = StackTimes()
        self.written = 0  # the total, when its record was written last
        self.next = 0.0
        self.quiet = QUIET_SECONDS

    def add(self, share: Share, slot: int, wall: int) -> None:
        self.slot = slot
        self.count += 1
        self.total += share.time
        self.last = wall
        self.samples += share.samples
        self.computing += min(share.computing, share.time)
        if share.time > self.worst:
            self.worst = share.time
            seen = share.seen
            if seen is not None:
                self.task, self.coroutine, self.span = seen.task, seen.coroutine, seen.span
        for stack in share.stacks.values():
            self.stacks.add(stack.seen, stack.samples, stack.time, min(stack.computing, stack.time))

    def record(self) -> StallCulprit:
        return {
            "kind": "stall_culprit",
            "id": self.id,
            "what": self.what,
            "loop": self.slot,
            "thread": self.name,
            "place": self.stacks.place(),
            "count": self.count,
            "total": self.total,
            "worst": self.worst,
            "last": self.last,
            "samples": self.samples,
            "computing": self.computing,
            "task": self.task,
            "coroutine": self.coroutine,
            "trace": None if self.span is None else self.span[0],
            "span": None if self.span is None else self.span[1],
            "stacks": self.stacks.most(),
            "at": time.time_ns(),
        }

    def numbers(self) -> CulpritTotal:
        return {
            "id": self.id,
            "count": self.count,
            "total": self.total,
            "worst": self.worst,
            "last": self.last,
            "samples": self.samples,
            "computing": self.computing,
        }


class CulpritCounts:
    """All of one process. One thread at a time may call it.

    Args:
        allowance: for all that is written unasked. Others wait for what is spent here; this has its own part of it.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._culprits: dict[Hashable, _Culprit] = {}
        self._others = self._others_total = 0
        self._grown = False  # since the totals were written
        self._waiting = False  # a culprit's record is due later
        self._next = 0.0
        self._next_totals = 0.0
        self._allowance = allowance
        self._part = Allowance(BYTES)

    def add(self, parts: list[Share], nobodys: int, slot: int) -> None:
        """Adds what each has of one stall that is over now."""
        wall = time.time_ns()
        self._grown = True
        for share in parts:
            key = _key(share)
            culprit = self._culprits.get(key)
            if culprit is None:
                if len(self._culprits) >= CULPRITS_MAX:
                    self._others += 1
                    self._others_total += share.time
                    continue
                culprit = self._culprits[key] = _Culprit(len(self._culprits) + 1, share)
            culprit.add(share, slot, wall)
        if nobodys:
            self._others += not parts
            self._others_total += nobodys

    def write(self, ring: LaneWriter, now: float) -> None:
        """Writes what is due; asked at every beat. `now` is any clock's, in seconds."""
        if now < self._next or not (self._grown or self._waiting):
            return
        self._waiting = False
        for culprit in sorted(self._culprits.values(), key=lambda one: one.written - one.total):
            if culprit.total * 2 < culprit.written * 3 or culprit.total == culprit.written:
                continue  # the totals are enough
            if now < culprit.next or now < self._next:
                self._waiting = True
                continue
            self._write(ring, culprit, now)
            culprit.next = now + culprit.quiet
            culprit.quiet = min(2 * culprit.quiet, QUIET_MAX_SECONDS)
        if self._grown and now >= max(self._next, self._next_totals):
            self._grown = False
            self._next_totals = now + TOTALS_SECONDS
            self._spend(ring, self._totals(), now)

    def write_all(self, ring: LaneWriter) -> None:
        """The process ends: writes who is new or has changed, as far as there is room, and the numbers of all."""
        if not self._culprits and not self._others:
            return
        before = ring.written
        for culprit in sorted(self._culprits.values(), key=lambda one: (one.written > 0, -one.total)):
            if culprit.total != culprit.written and ring.written - before < END_BYTES:
                self._write(ring, culprit, 0.0)
        ring.append(self._totals())

    def _write(self, ring: LaneWriter, culprit: _Culprit, now: float) -> None:
        culprit.written = culprit.total
        self._spend(ring, culprit.record(), now)

    def _spend(self, ring: LaneWriter, record: Any, now: float) -> None:
        before = ring.written
        ring.append(record)
        written = ring.written - before
        self._allowance.spend(written, now)
        self._next = now + self._part.spend(written, now)

    def _totals(self) -> StallTotals:
        return {
            "kind": "stall_totals",
            "at": time.time_ns(),
            "culprits": [one.numbers() for one in self._culprits.values()],
            "others": self._others,
            "others_total": self._others_total,
        }


def _key(share: Share) -> Hashable:
    """What tells culprits apart: the place of a call, and the thread by its name without its number."""
    if share.what != "call":
        return share.what
    seen = share.seen
    return share.name.rstrip("0123456789"), None if seen is None else seen.place_key
