"""The ring of one process as the sidecar sees it: new telemetry, and what later polls need to know."""

from __future__ import annotations

import contextlib
from typing import Callable, Sequence

from lifesign.judge.causes.findings import Cause, Dump, TasksSeen
from lifesign.judge.causes.newest_dump import NewestDump
from lifesign.watch.emit.complaints import Losses
from lifesign.watch.emit.dumps import task_dump
from lifesign.watch.emit.stalls.culprits import Culprits
from lifesign.watch.emit.stalls.profiles import Profiles
from lifesign.watch.emit.translate import recovered, translate
from lifesign.watch.records import InvalidRecordError, Lane, RingRecord, decode_record
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import DryRunReading, PostconditionReading, Telemetry
from lifesign.wire.lane import LaneRead
from lifesign.wire.records import DryRunTotals, PostconditionReport, PostconditionResult, Stall

KINDS = frozenset(
    (
        "postconditions",
        "task_dump",
        "task_group",
        "task_primitive",
        "thread_group",
        "executor",
        "stall",
        "dry_run",
        "dry_run_totals",
        "agent_warning",
        "asyncio_complaint",
        "task_died",
        "task_ended",
        "stall_culprit",
        "stall_totals",
        "busy_loop",
    )
)
_POSTCONDITIONS_MAX = 500
_DRY_RUN_TYPES_MAX = 100


class RingView:
    """Reads on in the ring.

    Args:
        lane: the ring's lane.
        resource: the key of the process's Resource.
        instance: its instance id, with which the uids of its records begin.
        profiles: makes profiles of the samples of stalls.
    """

    def __init__(
        self, lane: Lane[RingRecord], resource: str, instance: str, source: Source, profiles: Profiles
    ) -> None:
        self._lane = lane
        self._resource = resource
        self._instance = instance
        self._source = source
        self._profiles = profiles
        self._stalls: dict[int, Stall] = {}  # the newest of each loop
        self._newest = NewestDump()
        self.losses = Losses()
        self.culprits = Culprits()
        self.postconditions: dict[str, PostconditionReading] = {}  # the newest outcome of each
        self.synthetic_postconditions: dict[str, PostconditionReading] = {}  # of those that ran as synthetic work
        self.dry_run: DryRunReading | None = None

    def telemetry(self, now: int, explain: Callable[[Dump], Sequence[Cause]]) -> list[Telemetry]:
        """The new telemetry; `now` in wall clock nanoseconds.

        Args:
            explain: gives the causes that a task dump shows.
        """
        made: list[Telemetry] = []
        for sequence, record in self._lane.records():
            if record["kind"] == "stall":  # evidence for a state, exported with it
                self._stalls[record["loop"]] = record
                continue
            uid = f"{self._instance}-ring-{sequence}"
            if record["kind"] == "stall_culprit" or record["kind"] == "stall_totals" or record["kind"] == "busy_loop":
                self.culprits.take(record)  # reported now and then, by `watch.emit.stalls.reports`
                made += self._profiles.of(record, uid)
                continue
            made += translate(record, self._resource, uid, now, self._source)
            if record["kind"] == "postconditions":
                again = self._remember(record)
                made += [recovered(result, record, self._resource, uid, now) for result in again]
            elif record["kind"] == "task_dump":
                dump = self._newest.end(record)
                made.append(task_dump(dump, explain(dump), self._resource, uid, now))
            elif record["kind"] in ("asyncio_complaint", "task_died", "task_ended"):
                self.losses.add(record)
            elif record["kind"] == "dry_run_totals":
                self.dry_run = _dry_run(record)
            elif record["kind"] != "dry_run":  # which is a span and no more
                self._newest.add(record)
        return made

    def failing(self) -> list[tuple[str, str]]:
        """Name and reason of each critical post-condition that failed when it last ran."""
        known = (*self.postconditions.values(), *self.synthetic_postconditions.values())
        return [(check.name, check.reason) for check in known if check.critical and not check.passed]

    def parked(self) -> frozenset[int]:
        """The times of the last beats of loops that are parked, wall clock nanoseconds."""
        return frozenset(stall["since"] for stall in self._stalls.values() if stall.get("parked"))

    def recall(self, read: LaneRead, emitted: int) -> None:
        """Reads what an earlier sidecar emitted, records before number `emitted`, and emits nothing."""
        for one in read.records:
            if one.sequence < emitted:
                with contextlib.suppress(InvalidRecordError):
                    record = decode_record(one.payload)
                    if record["kind"] == "postconditions":
                        self._remember(record)
                    elif record["kind"] == "stall":
                        self._stalls[record["loop"]] = record
                    elif record["kind"] == "task_dump":
                        self._newest.end(record)
                    elif record["kind"] in ("asyncio_complaint", "task_died", "task_ended"):
                        self.losses.add(record)
                    elif record["kind"] in ("stall_culprit", "stall_totals", "busy_loop"):
                        self.culprits.take(record)
                        self._profiles.of(record, "")
                    else:
                        self._newest.add(record)

    @property
    def dump(self) -> Dump | None:
        """The newest task dump."""
        return self._newest.dump

    @property
    def populations(self) -> tuple[TasksSeen, ...]:
        """See `NewestDump`."""
        return self._newest.populations

    def stalls(self, since: int) -> tuple[Stall, ...]:
        """What the threads of loops do in stalls that began no earlier than `since`, wall clock nanoseconds."""
        return tuple(stall for _, stall in sorted(self._stalls.items()) if stall["since"] >= since)

    def _remember(self, report: PostconditionReport) -> list[PostconditionResult]:
        """Notes the outcomes; returns those of checks that hold again."""
        known = self.synthetic_postconditions if report["synthetic"] else self.postconditions
        again: list[PostconditionResult] = []
        for result in report["results"]:
            name = result["name"]
            before = known.get(name)
            if before is not None and result["passed"] and not before.passed:
                again.append(result)
            if before is not None or len(known) < _POSTCONDITIONS_MAX:
                known[name] = PostconditionReading(name, result["passed"], result["critical"], result["reason"])
        return again


def _dry_run(totals: DryRunTotals) -> DryRunReading:
    types = {one["type"]: (one["handled"], one["failed"]) for one in totals["types"][:_DRY_RUN_TYPES_MAX]}
    return DryRunReading(types, totals["skipped"], totals["lag"])
