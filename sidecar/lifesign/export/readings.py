"""What the metrics of one watched process are read from when they are sent: its newest snapshot, the export itself."""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple, Sequence

from lifesign import semconv
from lifesign.export.points import PLAIN, Points
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

REASONS = ("ring", "spool", "invalid")
HANDLED = ("handled", "failed")
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


def shown(read: Callable[[Snapshot], int | float | None]) -> Callable[[MetricSource], Points]:
    return lambda of: ((read(of.snapshot), PLAIN),)


def export(read: Callable[[ExportStats], int | float]) -> Callable[[MetricSource], Points]:
    return lambda of: ((read(of.stats), PLAIN),)


def used(points: Callable[[UsageReading], Points]) -> Callable[[MetricSource], Points]:
    return lambda of: points(of.snapshot.usage) if of.snapshot.usage is not None else ()


def states(of: MetricSource) -> Points:
    for state in STATES:
        yield int(state == of.snapshot.state), {semconv.STATE: state}


def cause(of: MetricSource) -> Points:
    causes = [cause for cause in of.snapshot.causes if cause.word not in MAKE_NOBODY_ILL]
    if causes and of.snapshot.state in ILL:
        cause = causes[0]
        if cause.function in of.places or len(of.places) < PLACES_MAX:
            of.places.add(cause.function)
        place = {semconv.CODE_FUNCTION: cause.function} if cause.function in of.places - {""} else {}
        yield 1, {semconv.CAUSE: cause.word, **place}


def loop_time(of: MetricSource) -> Points:
    yield of.snapshot.active, {semconv.EVENTLOOP_STATE: semconv.EVENTLOOP_ACTIVE}
    yield of.snapshot.idle, {semconv.EVENTLOOP_STATE: semconv.EVENTLOOP_IDLE}


def stall_time(of: MetricSource) -> Points:
    for (kind, function), seconds in stall_times(of.snapshot.stalls).items():
        named = {semconv.CODE_FUNCTION: function} if function else {}
        yield seconds, {semconv.STALL_KIND: kind, **named}


def events(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        name = {semconv.EVENT_NAME: event.name}
        yield event.count, name
        if event.synthetic:
            yield event.synthetic, {**name, **_SYNTHETIC}


def event_ages(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        yield event.age, _whose_age(event)


def event_deadlines(of: MetricSource) -> Points:
    for event in of.snapshot.events:
        yield event.deadline, _whose_age(event)


def boot_outcomes(of: MetricSource) -> Points:
    gone = of.snapshot.boot == BOOT_STARTING and not of.snapshot.alive
    found = BOOT_DIED if gone else of.snapshot.boot
    for outcome in BOOT_OUTCOMES:
        yield int(outcome == found), {semconv.BOOT_OUTCOME: outcome}


def postconditions(of: MetricSource) -> Points:
    for check in of.snapshot.postconditions:
        yield int(check.passed), {semconv.POSTCONDITION_NAME: check.name}
    for check in of.snapshot.synthetic_postconditions:
        yield int(check.passed), {semconv.POSTCONDITION_NAME: check.name, **_SYNTHETIC}


def dropped(of: MetricSource) -> Points:
    stats = of.stats.dropped
    for reason in REASONS:
        count = of.snapshot.dropped.get(reason, 0) + stats.get(reason, 0)
        yield count, {semconv.REASON: reason}


def dry_run(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        for kind, counts in of.snapshot.dry_run.types.items():
            for outcome, count in zip(HANDLED, counts):
                attributes = {semconv.DRY_RUN_TYPE: kind, semconv.DRY_RUN_OUTCOME: outcome}
                yield count, {**attributes, **_SYNTHETIC}


def skipped(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        yield of.snapshot.dry_run.skipped, _SYNTHETIC


def lag(of: MetricSource) -> Points:
    if of.snapshot.dry_run is not None:
        yield of.snapshot.dry_run.lag, _SYNTHETIC
