"""The instruments of one watched process: names, kinds and units as docs/reference.md lists them.

All but the histogram are observable: they read the newest snapshot when they are collected.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from lifesign import semconv
from lifesign.export import process_instruments
from lifesign.judge.causes.stalls import MAKE_NOBODY_ILL
from lifesign.judge.states import BOOT_DIED, BOOT_OUTCOMES, BOOT_STARTING, ILL, STATES
from lifesign.watch.telemetry import OTHER_STALLS, EventReading, Snapshot, StallReading

# Seconds, from a loop that is hardly late to one that a watcher calls blocked.
DELAY_BOUNDARIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

STALL_FUNCTIONS_MAX = 20  # names of functions of one process
PLACES_MAX = 20  # where causes were: names of functions of one process
_BLAMED = ("call", "callbacks")  # kinds of stall that are some function's doing
_STALLS_AT_FIRST = (
    (_BLAMED[0], OTHER_STALLS),
    *((kind, "") for kind in ("gc", "quota", "starved", "paging", "steal", "stopped")),
)

_SYNTHETIC = {semconv.SYNTHETIC_TYPE: semconv.SYNTHETIC_TEST}

Points = Iterator[Observation]


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


class Instruments:
    """Makes the instruments on `meter` and keeps what they show.

    Args:
        meter: of a provider that has the process's resource.
        snapshot: the first one of the process.
        stats: asked at each collection.
    """

    def __init__(self, meter: Meter, snapshot: Snapshot, stats: Callable[[], ExportStats]) -> None:
        self.snapshot = snapshot
        self._stats = stats
        self._places: set[str] = set()
        counter, gauge = meter.create_observable_counter, meter.create_observable_gauge
        counter(semconv.HEARTBEATS, [_as_callback(self._heartbeats)], "{heartbeat}", "Beats of the event loop")
        gauge(semconv.HEARTBEAT_AGE, [_as_callback(self._heartbeat_age)], "s", "Time since the newest beat")
        gauge(semconv.HEARTBEAT_TIMEOUT, [_as_callback(self._heartbeat_timeout)], "s", "Age at which a beat is stale")
        gauge(semconv.HEARTBEAT_EXPECTED, [_as_callback(self._heartbeat_expected)], "1", "1 while beats are due")
        meter.create_observable_up_down_counter(
            semconv.PROCESS_STATE, [_as_callback(self._states)], "1", "1 for the state the process is in, else 0"
        )
        meter.create_observable_up_down_counter(
            semconv.PROCESS_CAUSE, [_as_callback(self._cause)], "1", "1 for why the process is ill, as long as it is"
        )
        gauge(semconv.EVENTLOOP_UTILIZATION, [_as_callback(self._utilization)], "1", "Share of the time a loop works")
        counter(semconv.EVENTLOOP_TIME, [_as_callback(self._loop_time)], "s", "Time that event loops work or wait")
        counter(semconv.EVENTLOOP_STALL_TIME, [_as_callback(self._stall_time)], "s", "Time in stalls, by culprit")
        gauge(semconv.TASKS, [_as_callback(self._tasks)], "{task}", "Tasks that are not finished")
        gauge(semconv.EVENTLOOPS_UNWATCHED, [_as_callback(self._unwatched)], "{loop}", "Loops beyond the bound")
        counter(semconv.EVENTS, [_as_callback(self._events)], "{event}", "Units of real work")
        gauge(semconv.EVENT_AGE, [_as_callback(self._event_ages)], "s", "Time since the newest event, or since boot")
        gauge(semconv.EVENT_DEADLINE, [_as_callback(self._event_deadlines)], "s", "Longest time between two events")
        gauge(semconv.BOOT_DURATION, [_as_callback(self._boot_duration)], "s", "Length of the boot")
        meter.create_observable_up_down_counter(
            semconv.BOOT_STATUS, [_as_callback(self._boot_outcomes)], "1", "1 for how the boot went, else 0"
        )
        gauge(semconv.POSTCONDITION_PASSED, [_as_callback(self._postconditions)], "1", "1 if the check holds, else 0")
        counter(semconv.RECORDS_DROPPED, [_as_callback(self._dropped)], "{record}", "Records lost, by reason")
        gauge(semconv.SPOOL_SIZE, [_as_callback(self._spool_size)], "By", "Bytes that wait for the Collector")
        counter(semconv.EXPORT_RETRIES, [_as_callback(self._retries)], "{attempt}", "Failed attempts to export")
        gauge(
            semconv.EXPORT_AGE,
            [_as_callback(self._export_age)],
            "s",
            "Time since the last success, while it fails",
        )
        counter(semconv.EXPORT_REJECTED, [_as_callback(self._rejected)], "{record}", "Records the Collector refused")
        counter(semconv.DRY_RUN_EVENTS, [_as_callback(self._dry_run)], "{event}", "Events that a dry run made")
        counter(semconv.DRY_RUN_SKIPPED, [_as_callback(self._skipped)], "{event}", "Events that came too late to make")
        gauge(semconv.DRY_RUN_LAG, [_as_callback(self._lag)], "s", "How late a dry run is")
        gauge(semconv.PROCESS_UPTIME, [_as_callback(self._uptime)], "s", "Time since the process began")
        process_instruments.create(meter, lambda: self.snapshot.usage)
        self._delay = meter.create_histogram(
            semconv.EVENTLOOP_DELAY,
            "s",
            "How late the event loop ran a timer",
            explicit_bucket_boundaries_advisory=DELAY_BOUNDARIES,
        )

    def show(self, snapshot: Snapshot) -> None:
        """Takes the newest snapshot."""
        self.snapshot = snapshot
        for delay in snapshot.new_delays:
            self._delay.record(delay)

    def _heartbeats(self) -> Points:
        yield Observation(self.snapshot.beats)

    def _heartbeat_age(self) -> Points:
        yield Observation(self.snapshot.beat_age)

    def _heartbeat_timeout(self) -> Points:
        yield Observation(self.snapshot.heartbeat_timeout)

    def _heartbeat_expected(self) -> Points:
        yield Observation(int(self.snapshot.expected))

    def _states(self) -> Points:
        for state in STATES:
            yield Observation(int(state == self.snapshot.state), {semconv.STATE: state})

    def _cause(self) -> Points:
        causes = [cause for cause in self.snapshot.causes if cause.word not in MAKE_NOBODY_ILL]
        if causes and self.snapshot.state in ILL:
            cause = causes[0]
            if cause.function in self._places or len(self._places) < PLACES_MAX:
                self._places.add(cause.function)
            place = {semconv.CODE_FUNCTION: cause.function} if cause.function in self._places - {""} else {}
            yield Observation(1, {semconv.CAUSE: cause.word, **place})

    def _utilization(self) -> Points:
        if self.snapshot.utilization is not None:
            yield Observation(self.snapshot.utilization)

    def _loop_time(self) -> Points:
        of = {semconv.EVENTLOOP_ACTIVE: self.snapshot.active, semconv.EVENTLOOP_IDLE: self.snapshot.idle}
        for state, seconds in of.items():
            if seconds is not None:
                yield Observation(seconds, {semconv.EVENTLOOP_STATE: state})

    def _stall_time(self) -> Points:
        for (kind, function), seconds in stall_times(self.snapshot.stalls).items():
            named = {semconv.CODE_FUNCTION: function} if function else {}
            yield Observation(seconds, {semconv.STALL_KIND: kind, **named})

    def _unwatched(self) -> Points:
        yield Observation(self.snapshot.unwatched_loops)

    def _tasks(self) -> Points:
        yield Observation(self.snapshot.tasks)

    def _events(self) -> Points:
        for event in self.snapshot.events:
            name = {semconv.EVENT_NAME: event.name}
            yield Observation(event.count, name)
            if event.synthetic:
                yield Observation(event.synthetic, {**name, **_SYNTHETIC})

    def _event_ages(self) -> Points:
        for event in self.snapshot.events:
            yield Observation(event.age, _whose_age(event))

    def _event_deadlines(self) -> Points:
        for event in self.snapshot.events:
            if event.deadline is not None:
                yield Observation(event.deadline, _whose_age(event))

    def _boot_duration(self) -> Points:
        if self.snapshot.boot_duration is not None:
            yield Observation(self.snapshot.boot_duration)

    def _boot_outcomes(self) -> Points:
        gone = self.snapshot.boot == BOOT_STARTING and not self.snapshot.alive
        found = BOOT_DIED if gone else self.snapshot.boot
        for outcome in BOOT_OUTCOMES:
            yield Observation(int(outcome == found), {semconv.BOOT_OUTCOME: outcome})

    def _postconditions(self) -> Points:
        for check in self.snapshot.postconditions:
            yield Observation(int(check.passed), {semconv.POSTCONDITION_NAME: check.name})
        for check in self.snapshot.synthetic_postconditions:
            yield Observation(int(check.passed), {semconv.POSTCONDITION_NAME: check.name, **_SYNTHETIC})

    def _dropped(self) -> Points:
        stats = self._stats().dropped
        for reason in ("ring", "spool", "invalid"):
            count = self.snapshot.dropped.get(reason, 0) + stats.get(reason, 0)
            yield Observation(count, {semconv.REASON: reason})

    def _spool_size(self) -> Points:
        yield Observation(self._stats().spool_size)

    def _retries(self) -> Points:
        yield Observation(self._stats().retries)

    def _export_age(self) -> Points:
        yield Observation(self._stats().age)

    def _rejected(self) -> Points:
        yield Observation(self._stats().rejected)

    def _dry_run(self) -> Points:
        if self.snapshot.dry_run is not None:
            for kind, counts in self.snapshot.dry_run.types.items():
                for outcome, count in zip(("handled", "failed"), counts):
                    attributes = {semconv.DRY_RUN_TYPE: kind, semconv.DRY_RUN_OUTCOME: outcome}
                    yield Observation(count, {**attributes, **_SYNTHETIC})

    def _skipped(self) -> Points:
        if self.snapshot.dry_run is not None:
            yield Observation(self.snapshot.dry_run.skipped, _SYNTHETIC)

    def _lag(self) -> Points:
        if self.snapshot.dry_run is not None:
            yield Observation(self.snapshot.dry_run.lag, _SYNTHETIC)

    def _uptime(self) -> Points:
        yield Observation(self.snapshot.uptime)


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


def _as_callback(points: Callable[[], Points]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: points()
