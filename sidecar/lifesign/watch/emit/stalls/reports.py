"""Log records on short stalls and on loops that spin, few enough to be read."""

from __future__ import annotations

from lifesign import semconv
from lifesign.judge.causes.stalls import BUSY, busy_text, culprit_text, figures_text, stall_word
from lifesign.watch.emit.causes import place_attributes, stack_text
from lifesign.watch.emit.stalls.culprits import Culprits
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_WARN, Attributes, Log
from lifesign.wire.records import Frame
from lifesign.wire.stalls import BusyLoop, StackTime, StallCulprit

RECORDS_MAX = 3  # of stalls, and as many of busy loops, in ...
PERIOD_NS = 60_000_000_000
_POLLS_NS = 500_000_000  # a loop that did not turn for so much longer than the heartbeat timeout was seen to be blocked


class StallReports:
    """Reports what is new: a culprit when it is first seen, and once a minute those to which the most time went.

    The others are not lost: what a record says are totals, and whoever was left out comes first the next time.
    """

    def __init__(self, resource: str, instance: str, culprits: Culprits, source: Source) -> None:
        self._resource = resource
        self._instance = instance
        self._culprits = culprits
        self._source = source
        self._reported: dict[int, tuple[int, int]] = {}  # count and nanoseconds, by id
        self._busy: dict[int, int] = {}  # since when those are busy that were reported, by loop
        self._period = 0  # wall clock nanoseconds
        self._first: int | None = None  # when it was first looked; what was over by then was never seen to be blocked
        self._made = {"stall": 0, "busy": 0}

    def recall(self) -> None:
        """An earlier sidecar has reported what is known so far."""
        for record in self._culprits.records():
            self._reported[record["id"]] = (record["count"], record["total"])
        self._busy = {busy["loop"]: busy["since"] for busy in self._culprits.busy()}

    def due(self, now: int, timeout: int, *, ended: bool) -> list[Log]:
        """The records that are due; `now` in wall clock nanoseconds.

        Args:
            timeout: nanoseconds without a beat after which a loop is blocked, which has a record of its own.
            ended: whether the process has ended, so that nothing is worth waiting for.
        """
        self._first = now if self._first is None else self._first
        anew = not self._period <= now < self._period + PERIOD_NS
        if anew:
            self._period = now
            self._made = {"stall": 0, "busy": 0}
        grown = [(self._growth(one), one) for one in self._culprits.records()]
        grown.sort(key=lambda pair: -pair[0])
        made = []
        for growth, record in grown:
            once = record["count"] == self._reported.get(record["id"], (0, 0))[0] + 1
            if once and growth >= timeout + _POLLS_NS and record["last"] >= self._first:
                self._reported[record["id"]] = (record["count"], record["total"])
                continue
            new = record["id"] not in self._reported
            if growth > 0 and (new or anew or ended) and self._has_room("stall"):
                self._reported[record["id"]] = (record["count"], record["total"])
                made.append(self._of_stall(record, now))
        for busy in self._culprits.busy():
            if self._busy.get(busy["loop"]) != busy["since"] and self._has_room("busy"):
                self._busy[busy["loop"]] = busy["since"]
                made.append(self._of_busy(busy, now))
        return made

    def _growth(self, record: StallCulprit) -> int:
        """The time that has not been reported, nanoseconds."""
        count, total = self._reported.get(record["id"], (0, 0))
        return record["total"] - total if record["count"] > count else 0

    def _has_room(self, kind: str) -> bool:
        self._made[kind] += 1
        return self._made[kind] <= RECORDS_MAX

    def _of_stall(self, record: StallCulprit, now: int) -> Log:
        attributes: Attributes = {
            semconv.CAUSE: stall_word(record),
            semconv.STALL_KIND: record["what"],
            semconv.STALL_COUNT: record["count"],
            semconv.STALL_TIME: record["total"] / 1e9,
            semconv.STALL_WORST: record["worst"] / 1e9,
            semconv.STALL_COMPUTING: min(record["computing"], record["total"]) / 1e9,
            semconv.EVENTLOOP: record["loop"],
        }
        for name, value in (
            (semconv.STALL_THREAD, record["thread"]),
            (semconv.TASK_NAME, record["task"]),
            (semconv.TASK_COROUTINE, record["coroutine"]),
        ):
            if value:
                attributes[name] = value
        return Log(
            resource=self._resource,
            uid=f"{self._instance}-stall-{record['id']}-{record['count']}",
            event=semconv.LOG_STALL,
            time=min(record["last"], now),
            observed=now,
            severity=SEVERITY_WARN,
            body=f"stalled the loop {figures_text(record)}: {culprit_text(record)}",
            trace=record["trace"],
            span=record["span"],
            attributes={**attributes, **self._code(record["place"], record["stacks"])},
        )

    def _of_busy(self, busy: BusyLoop, now: int) -> Log:
        attributes: Attributes = {
            semconv.CAUSE: BUSY,
            semconv.EVENTLOOP: busy["loop"],
            semconv.EVENTLOOP_UTILIZATION: min(1.0, max(0.0, busy["utilization"])),
            semconv.BUSY_SAMPLES: busy["samples"],
            semconv.BUSY_IN_PLACE: busy["in_place"],
        }
        return Log(
            resource=self._resource,
            uid=f"{self._instance}-busy-{busy['loop']}-{busy['since']}",
            event=semconv.LOG_BUSY,
            time=min(busy["at"], now),
            observed=now,
            severity=SEVERITY_WARN,
            body=busy_text(busy),
            attributes={**attributes, **self._code(busy["place"], busy["stacks"])},
        )

    def _code(self, place: Frame | None, stacks: list[StackTime]) -> Attributes:
        """The place, and the stack that most of the time went to."""
        attributes = place_attributes(place)
        if place is not None and not place["file"]:  # a callback that is compiled
            attributes = {semconv.CODE_FUNCTION: place["function"]}
        if stacks and stacks[0]["stack"]:
            attributes[semconv.CODE_STACKTRACE] = stack_text(stacks[0]["stack"], self._source)
        return attributes
