"""The samples of stalls and of loops that spin, as profiles.

The process writes totals; a profile has what they have grown by since the record before, so that no sample is in two
of them.
"""

from __future__ import annotations

import hashlib
from typing import Callable, Sequence, Union

from lifesign import semconv
from lifesign.judge.causes.stalls import BUSY
from lifesign.watch.emit.causes import place_attributes
from lifesign.watch.emit.stalls.culprits import TEXT_MAX, StallRecord, bounded
from lifesign.watch.emit.transitions import SpanIds
from lifesign.watch.telemetry import Attributes, Profile
from lifesign.wire.layout import CULPRITS_MAX, LOOPS_MAX, STACKS_MAX
from lifesign.wire.stalls import BusyLoop, StackTime, StallCulprit

_STACKS_KEPT = 4 * STACKS_MAX  # of one culprit: those that it names come and go


class _Totals:
    """What one culprit, or one spin, had in all so far; times in nanoseconds."""

    def __init__(self) -> None:
        self.count = self.total = 0
        self.last = 0  # wall clock
        self._stacks: dict[tuple[tuple[str, str, int], ...], StackTime] = {}

    def grow(self, stacks: Sequence[StackTime]) -> list[StackTime]:
        """Takes the newest totals of its stacks; returns by what they have grown."""
        grown: list[StackTime] = []
        for newest in stacks:
            key = tuple((frame["function"], frame["file"], frame["line"]) for frame in newest["stack"])
            before = self._stacks.pop(key, None)
            self._stacks[key] = newest
            if before is None or newest["samples"] < before["samples"]:  # it was forgotten there meanwhile
                grown.append(newest)
            elif newest["samples"] > before["samples"]:
                time = max(0, newest["time"] - before["time"])
                grown.append(
                    {
                        "stack": newest["stack"],
                        "samples": newest["samples"] - before["samples"],
                        "time": time,
                        "computing": min(time, max(0, newest["computing"] - before["computing"])),
                    }
                )
        while len(self._stacks) > _STACKS_KEPT:
            del self._stacks[next(iter(self._stacks))]
        return [one for one in grown if one["samples"] > 0]


class Profiles:
    """Those of one process.

    Args:
        resource: the key of the process's Resource.
        blocked: gives the span of the stall that a loop's slot was reported for at this time, and since when it was.
    """

    def __init__(self, resource: str, blocked: Callable[[int, int], tuple[SpanIds, int] | None]) -> None:
        self._resource = resource
        self._blocked = blocked
        self._culprits: dict[int, _Totals] = {}
        self._spins: dict[int, tuple[int, _Totals]] = {}  # the newest of each loop, and since when it spins

    def of(self, record: StallRecord, uid: str) -> list[Profile]:
        """What is new in a record; none where there are no new samples, or too many culprits.

        Args:
            uid: identifies the record.
        """
        if record["kind"] == "stall_culprit":
            return self._of_culprit(record, uid)
        return self._of_spin(record, uid) if record["kind"] == "busy_loop" else []

    def _of_culprit(self, record: StallCulprit, uid: str) -> list[Profile]:
        if record["id"] not in self._culprits and len(self._culprits) >= CULPRITS_MAX:
            return []
        known = self._culprits.setdefault(record["id"], _Totals())
        stacks = known.grow(bounded(record["stacks"]))
        length = max(0, record["total"] - known.total)
        alone = record["count"] <= known.count + 1
        end = record["last"]
        start = end - length if alone or not known.last else known.last
        known.count, known.total, known.last = record["count"], record["total"], end
        if not stacks:
            return []
        found = self._blocked(record["loop"], end)
        span = None
        if found is not None and 2 * (end - found[1]) >= length:  # most of it, if it is not all
            span = found[0]
        elif alone and record["trace"] and record["span"] and record["worst"] == length:
            span = SpanIds(record["trace"], record["span"])
        kind: Attributes = {semconv.STALL_KIND: record["what"]}
        return [self._profile(uid, start, end, stacks, record, kind, record["thread"], span)]

    def _of_spin(self, record: BusyLoop, uid: str) -> list[Profile]:
        if not 0 <= record["loop"] < LOOPS_MAX:
            return []
        since, known = self._spins.get(record["loop"], (0, _Totals()))
        if since != record["since"]:
            since, known = record["since"], _Totals()
        self._spins[record["loop"]] = (since, known)
        stacks = known.grow(bounded(record["stacks"]))
        start = max(since, known.last)
        known.last = record["at"]
        if not stacks:
            return []
        return [self._profile(uid, start, record["at"], stacks, record, {semconv.CAUSE: BUSY})]

    def _profile(
        self,
        uid: str,
        start: int,
        end: int,
        stacks: list[StackTime],
        record: Union[StallCulprit, BusyLoop],
        kind: Attributes,
        thread: str = "",
        span: SpanIds | None = None,
    ) -> Profile:
        return Profile(
            resource=self._resource,
            id=hashlib.blake2b(uid.encode(), digest_size=16).hexdigest(),
            start=min(start, end),
            end=end,
            stacks=stacks,
            thread=thread[:TEXT_MAX],
            trace=span.trace if span is not None else None,
            span=span.id if span is not None else None,
            attributes={**kind, semconv.EVENTLOOP: record["loop"], **place_attributes(record["place"])},
        )
