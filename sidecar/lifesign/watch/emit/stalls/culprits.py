"""What has stalled the event loops of one process, and which of them spin: the newest records, bounded."""

from __future__ import annotations

from collections import deque
from typing import Iterable, Union

from lifesign.judge.causes.findings import RECENT_NS, StallsSeen
from lifesign.watch.telemetry import OTHER_STALLS, BusyReading, StallReading
from lifesign.wire import layout
from lifesign.wire.layout import CULPRITS_MAX, STACKS_MAX
from lifesign.wire.records import Frame
from lifesign.wire.stalls import BusyLoop, CulpritTotal, StackTime, StallCulprit, StallTotals

StallRecord = Union[StallCulprit, StallTotals, BusyLoop]

_FRAMES_MAX = 100  # of a stack
TEXT_MAX = 300  # characters of a name or a path
_MARK_NS = 10_000_000_000  # between two marks
_MARKS = RECENT_NS // _MARK_NS + 2


class _Known:
    """One culprit, and its numbers at some moments of the last minutes."""

    def __init__(self, record: StallCulprit) -> None:
        self.record = record
        self._marks = deque([(record["last"], record["count"], record["total"])], maxlen=_MARKS)

    def grow(self, record: StallCulprit, numbers: StallCulprit | CulpritTotal) -> None:
        """Takes the newer of both, by each number: they only grow."""
        count, last = max(self.record["count"], numbers["count"]), max(self.record["last"], numbers["last"])
        self.record = {
            **record,
            "count": count,
            "total": max(self.record["total"], numbers["total"]),
            "worst": max(self.record["worst"], numbers["worst"]),
            "last": last,
            "samples": max(self.record["samples"], numbers["samples"]),
            "computing": max(self.record["computing"], numbers["computing"]),
        }
        if last - self._marks[-1][0] >= _MARK_NS:
            self._marks.append((last, count, self.record["total"]))

    def seen(self, now: int) -> StallsSeen:
        """With its stalls of the last minutes; of the first that is known of it, one stall is taken to be recent."""
        record, first = self.record, self._marks[0]
        record = {**record, "last": min(record["last"], now)}
        earlier = [mark for mark in self._marks if mark[0] <= now - RECENT_NS]
        if earlier:
            count, total = earlier[-1][1:]
        else:
            count, total = max(0, first[1] - 1), first[2] - first[2] // max(1, first[1])
        return StallsSeen(record, record["count"] - count, record["total"] - total)


class Culprits:
    """Takes the records in as they come; what a hostile process writes is cut to a bounded size."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._others = (0, 0, 0)  # count, nanoseconds, when they were counted
        self._busy: dict[int, BusyLoop] = {}
        self._rows: tuple[StallReading, ...] | None = None

    def take(self, record: StallRecord) -> None:
        """Takes one record in. Numbers of a culprit whose record has not come yet say nothing, and are left out."""
        self._rows = None
        if record["kind"] == "busy_loop":
            if record["loop"] < layout.LOOPS_MAX:
                self._busy[record["loop"]] = {**record, "stacks": bounded(record["stacks"])}
        elif record["kind"] == "stall_culprit":
            known = self._known.get(record["id"])
            cut = _cut(record)
            if known is not None:
                known.grow(cut, record)
            elif len(self._known) < CULPRITS_MAX:
                self._known[record["id"]] = _Known(cut)
        else:
            for numbers in record["culprits"]:
                known = self._known.get(numbers["id"])
                if known is not None:
                    known.grow(known.record, numbers)
            count, total, at = self._others
            self._others = (max(count, record["others"]), max(total, record["others_total"]), max(at, record["at"]))

    def records(self) -> Iterable[StallCulprit]:
        """The newest state of each."""
        return (known.record for known in self._known.values())

    def seen(self, now: int) -> tuple[StallsSeen, ...]:
        """What a cause is found in; `now` in wall clock nanoseconds."""
        return tuple(known.seen(now) for known in self._known.values())

    def busy(self) -> tuple[BusyLoop, ...]:
        """The newest record of each loop that spins, as far as its process has not said that it is over."""
        return tuple(one for _, one in sorted(self._busy.items()) if one["samples"])

    def rows(self) -> tuple[StallReading, ...]:
        """One for each culprit, that with the most time first; the last has those that are counted together."""
        if self._rows is None:
            found = sorted(map(_row, self.records()), key=lambda row: -row.total)
            count, total, at = self._others
            other = [StallReading(0, OTHER_STALLS, count=count, total=total / 1e9, last=at)] if count else []
            self._rows = (*found, *other)
        return self._rows


def busy_reading(busy: BusyLoop) -> BusyReading:
    """The loop as page and `status` show it."""
    function, file, line = _where(busy["place"])
    return BusyReading(
        loop=busy["loop"],
        since=busy["since"],
        utilization=min(1.0, max(0.0, busy["utilization"])),
        samples=busy["samples"],
        in_place=busy["in_place"],
        function=function,
        file=file,
        line=line,
        stacks=tuple(busy["stacks"]),
    )


def _row(record: StallCulprit) -> StallReading:
    total = record["total"]
    function, file, line = _where(record["place"])
    return StallReading(
        id=record["id"],
        what=record["what"],
        function=function,
        file=file,
        line=line,
        thread=record["thread"],
        loop=record["loop"],
        count=record["count"],
        total=total / 1e9,
        worst=record["worst"] / 1e9,
        last=record["last"],
        samples=record["samples"],
        computing=min(record["computing"], total) / 1e9,
        task=record["task"],
        coroutine=record["coroutine"],
        stacks=tuple(record["stacks"]),
    )


def _where(place: Frame | None) -> tuple[str, str, int]:
    return ("", "", 0) if place is None else (place["function"], place["file"], place["line"])


def _cut(record: StallCulprit) -> StallCulprit:
    place = record["place"]
    return {
        **record,
        "thread": record["thread"][:TEXT_MAX],
        "task": record["task"][:TEXT_MAX],
        "coroutine": record["coroutine"][:TEXT_MAX],
        "place": None if place is None else _frame(place),
        "stacks": bounded(record["stacks"]),
    }


def bounded(stacks: list[StackTime]) -> list[StackTime]:
    """The stacks, cut to a size that can be kept."""
    return [{**one, "stack": [_frame(frame) for frame in one["stack"][-_FRAMES_MAX:]]} for one in stacks[:STACKS_MAX]]


def _frame(frame: Frame) -> Frame:
    return {"function": frame["function"][:TEXT_MAX], "file": frame["file"][-TEXT_MAX:], "line": frame["line"]}
