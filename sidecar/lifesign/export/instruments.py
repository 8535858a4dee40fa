"""The metrics of one watched process: names, kinds and units as docs/reference.md lists them.

All but the histogram of delays are read from the newest snapshot when they are sent.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple, Sequence

from lifesign import semconv
from lifesign.export import process_instruments
from lifesign.export.points import COUNTER, GAUGE, PLAIN, UP_DOWN_COUNTER, MetricRow, Points
from lifesign.judge.causes.stalls import MAKE_NOBODY_ILL
from lifesign.judge.states import BOOT_DIED, BOOT_OUTCOMES, BOOT_STARTING, ILL, STATES
from lifesign.watch.telemetry import OTHER_STALLS, EventReading, Snapshot, StallReading, UsageReading

STALL_FUNCTIONS_MAX = 20  # names of functions of one process
PLACES_MAX = 20  # where causes were: names of functions of one process
_BLAMED = ("call", "callbacks")  # kinds of stall that are some function's doing
_STALLS_AT_FIRST = (
    (_BLAMED[0], OTHER_STALLS),
    *((kind, "") for kind in ("gc", "quota", "starved", "paging", "steal", "stopped")),
)

_SYNTHETIC = {semconv.SYNTHETIC_TYPE: semconv.SYNTHETIC_TEST}


class ExportStats(NamedTuple):
    """The health of the export itself, which goes with the metrics of every process.

    `dropped` counts by reason (``spool``, ``invalid``), `rejected` in records, `spool_size` in bytes, `retries` in
    failed attempts, `age` in seconds since the Collector last took something that it does not take now, else 0.
    """

    spool_size: int = 0
    retries: int = 0
    age: float = 0.0
    rejected: int = 0
    dropped: Mapping[str, int] = {}


class MetricSource(NamedTuple):
    """What the metrics of one process are read from. `places` are the functions that causes were named after so far."""

    snapshot: Snapshot
    stats: ExportStats
    places: set[str]


def stall_times(stalls: Sequence[StallReading]) -> dict[tuple[str, str], float]:
    """Seconds by kind and function. A culprit among the first has its name, and keeps it; all others share one."""
    times = dict.fromkeys(_STALLS_AT_FIRST, 0.0)
    for stall in stalls:
        name = (stall.function if 0 < stall.id <= STALL_FUNCTIONS_MAX else "") or OTHER_STALLS
        kind = _BLAMED[0] if stall.what == OTHER_STALLS else stall.what
        series = (kind, name if kind in _BLAMED else "")
        times[series] = times.get(series, 0.0) + stall.total
    return times


def _whose_age(event: EventReading) -> dict[str, str]:
    """Where synthetic events stand in for real ones, so do their age and deadline: no alert may count them."""
    return {semconv.EVENT_NAME: event.name, **(_SYNTHETIC if event.stand_in else {})}


def _shown(read: Callable[[Snapshot], int | float | None]) -> Callable[[MetricSource], Points]:
    return lambda of: ((read(of.snapshot), PLAIN),)


def _export(read: Callable[[ExportStats], int | float]) -> Callable[[MetricSource], Points]:
    return lambda of: ((read(of.stats), PLAIN),)


def _used(points: Callable[[UsageReading], Points]) -> Callable[[MetricSource], Points]:
    return lambda of: points(of.snapshot.usage) if of.snapshot.usage is not None else ()


def _states(of: MetricSource) -> Points:
    for state in STATES:
        yield int(state == of.snapshot.state), {semconv.STATE: state}


def _cause(of: MetricSource) -> Points:
    causes = [cause for cause in of.snapshot.causes if cause.word not in MAKE_NOBODY_ILL]
    if causes and of.snapshot.state in ILL:
        cause = causes[0]
        if cause.function in of.places or len(of.places) < PLACES_MAX:
            of.places.add(cause.function)
        place = {semconv.CODE_FUNCTION: cause.function} if cause.function in of.places - {""} else {}
        yield 1, {semconv.CAUSE: cause.word, **place}


def _loop_time(of: MetricSource) -> Points:
    yield of.snapshot.active, {semconv.EVENTLOOP_STATE: semconv.EVENTLOOP_ACTIVE}
    yield of.snapshot.idle, {semconv.EVENTLOOP_STATE: semconv.EVENTLOOP_IDLE}


def _stall_time(of: MetricSource) -> Points:
    for (kind, function), seconds in stall_times(of.snapshot.stalls).items():
        named = {semconv.CODE_FUNCTION: function} if function else {}
        yield seconds, {semconv.STALL_KIND: kind, **named}


def _events(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        name = {semconv.EVENT_NAME: event.name}
        yield event.count, name
        if event.synthetic:
            yield event.synthetic, {**name, **_SYNTHETIC}


def _event_ages(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        yield event.age, _whose_age(event)


def _event_deadlines(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        yield event.deadline, _whose_age(event)


def _boot_outcomes(of: MetricSource) -> Points:
    gone = of.snapshot.boot == BOOT_STARTING and not of.snapshot.alive
    found = BOOT_DIED if gone else of.snapshot.boot
    for outcome in BOOT_OUTCOMES:
        yield int(outcome == found), {semconv.BOOT_OUTCOME: outcome}


def _postconditions(of: MetricSource) -> Points:
    for check in of.snapshot.postconditions:
        yield int(check.passed), {semconv.POSTCONDITION_NAME: check.name}
    for check in of.snapshot.synthetic_postconditions:
        yield int(check.passed), {semconv.POSTCONDITION_NAME: check.name, **_SYNTHETIC}


def _dropped(of: MetricSource) -> Points:
    stats = of.stats.dropped
    for reason in ("ring", "spool", "invalid"):
        count = of.snapshot.dropped.get(reason, 0) + stats.get(reason, 0)
        yield count, {semconv.REASON: reason}


def _dry_run(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        for kind, counts in of.snapshot.dry_run.types.items():
            for outcome, count in zip(("handled", "failed"), counts):
                attributes = {semconv.DRY_RUN_TYPE: kind, semconv.DRY_RUN_OUTCOME: outcome}
                yield count, {**attributes, **_SYNTHETIC}


def _skipped(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        yield of.snapshot.dry_run.skipped, _SYNTHETIC


def _lag(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        yield of.snapshot.dry_run.lag, _SYNTHETIC


ROWS: tuple[MetricRow[MetricSource], ...] = (
    MetricRow(
        semconv.HEARTBEATS,
        COUNTER,
        "{heartbeat}",
        "Beats of the event loop",
        _shown(lambda now: now.beats),
        of_process=True,
    ),
    MetricRow(semconv.HEARTBEAT_AGE, GAUGE, "s", "Time since the newest beat", _shown(lambda now: now.beat_age)),
    MetricRow(
        semconv.HEARTBEAT_TIMEOUT,
        GAUGE,
        "s",
        "Age at which a beat is stale",
        _shown(lambda now: now.heartbeat_timeout),
    ),
    MetricRow(semconv.HEARTBEAT_EXPECTED, GAUGE, "1", "1 while beats are due", _shown(lambda now: int(now.expected))),
    MetricRow(semconv.PROCESS_STATE, UP_DOWN_COUNTER, "1", "1 for the state the process is in, else 0", _states),
    MetricRow(semconv.PROCESS_CAUSE, UP_DOWN_COUNTER, "1", "1 for why the process is ill, as long as it is", _cause),
    MetricRow(
        semconv.EVENTLOOP_UTILIZATION,
        GAUGE,
        "1",
        "Share of the time a loop works",
        _shown(lambda now: now.utilization),
    ),
    MetricRow(semconv.EVENTLOOP_TIME, COUNTER, "s", "Time that event loops work or wait", _loop_time),
    MetricRow(semconv.EVENTLOOP_STALL_TIME, COUNTER, "s", "Time in stalls, by culprit", _stall_time, of_process=True),
    MetricRow(semconv.TASKS, GAUGE, "{task}", "Tasks that are not finished", _shown(lambda now: now.tasks)),
    MetricRow(
        semconv.EVENTLOOPS_UNWATCHED,
        GAUGE,
        "{loop}",
        "Loops beyond the bound",
        _shown(lambda now: now.unwatched_loops),
    ),
    MetricRow(semconv.EVENTS, COUNTER, "{event}", "Units of real work", _events, of_process=True),
    MetricRow(semconv.EVENT_AGE, GAUGE, "s", "Time since the newest event, or since boot", _event_ages),
    MetricRow(semconv.EVENT_DEADLINE, GAUGE, "s", "Longest time between two events", _event_deadlines),
    MetricRow(semconv.BOOT_DURATION, GAUGE, "s", "Length of the boot", _shown(lambda now: now.boot_duration)),
    MetricRow(semconv.BOOT_STATUS, UP_DOWN_COUNTER, "1", "1 for how the boot went, else 0", _boot_outcomes),
    MetricRow(semconv.POSTCONDITION_PASSED, GAUGE, "1", "1 if the check holds, else 0", _postconditions),
    MetricRow(semconv.RECORDS_DROPPED, COUNTER, "{record}", "Records lost, by reason", _dropped),
    MetricRow(
        semconv.SPOOL_SIZE, GAUGE, "By", "Bytes that wait for the Collector", _export(lambda stats: stats.spool_size)
    ),
    MetricRow(
        semconv.EXPORT_RETRIES, COUNTER, "{attempt}", "Failed attempts to export", _export(lambda stats: stats.retries)
    ),
    MetricRow(
        semconv.EXPORT_AGE, GAUGE, "s", "Time since the last success, while it fails", _export(lambda stats: stats.age)
    ),
    MetricRow(
        semconv.EXPORT_REJECTED,
        COUNTER,
        "{record}",
        "Records the Collector refused",
        _export(lambda stats: stats.rejected),
    ),
    MetricRow(semconv.DRY_RUN_EVENTS, COUNTER, "{event}", "Events that a dry run made", _dry_run, of_process=True),
    MetricRow(
        semconv.DRY_RUN_SKIPPED, COUNTER, "{event}", "Events that came too late to make", _skipped, of_process=True
    ),
    MetricRow(semconv.DRY_RUN_LAG, GAUGE, "s", "How late a dry run is", _lag),
    MetricRow(semconv.PROCESS_UPTIME, GAUGE, "s", "Time since the process began", _shown(lambda now: now.uptime)),
    *(
        MetricRow(row.name, row.kind, row.unit, row.description, _used(row.points), of_process=row.of_process)
        for row in process_instruments.ROWS
    ),
)
