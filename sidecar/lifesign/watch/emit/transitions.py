"""Entering a state exports a log record, damped, and leaving `frozen` a back-dated span.

Of a process that is blocked or silent `episodes` reports each loop and each event.
"""

from __future__ import annotations

import hashlib
from typing import Callable, NamedTuple

import msgspec

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict
from lifesign.watch.emit.operation import exception_attributes, first_line
from lifesign.watch.telemetry import (
    SEVERITY_ERROR,
    SEVERITY_FATAL,
    SEVERITY_INFO,
    SEVERITY_WARN,
    Attributes,
    Log,
    Span,
    Telemetry,
)

_ENTERED = {
    states.FROZEN: (semconv.LOG_FROZEN, SEVERITY_ERROR),
    states.DEGRADED: (semconv.LOG_DEGRADED, SEVERITY_ERROR),
    states.DEAD: (semconv.LOG_DIED, SEVERITY_FATAL),
    states.STOPPED: (semconv.LOG_STOPPED, SEVERITY_INFO),
}
_LEFT = {states.BLOCKED: semconv.SPAN_BLOCKED, states.FROZEN: semconv.SPAN_FROZEN}
BURST = 3  # entries that are exported one by one
QUIET_NS = 30_000_000_000  # without an entry: it is over
WINDOW_NS = 30_000_000_000  # one record in each, the next is twice as long ...
WINDOW_MAX_NS = 600_000_000_000
LASTING = 6  # ... and a state that has lasted for this part of it is worth its record


class Damper:
    """The records of one state of one process, which may be entered again and again; times are monotonic nanoseconds.

    The first and the last are exported, and how many there were between. A few entries in a row are exported one by
    one. After that an entry is held back until the state has lasted for a while, or is not entered any more, or the
    window closes; windows grow for as long as it goes on.
    """

    def __init__(self) -> None:
        self._burst = 0
        self._entered = 0
        self._exported = 0
        self._window = WINDOW_NS
        self._held: Log | None = None
        self._count = 0  # of entries since the newest record

    def enter(self, log: Log, now: int) -> list[Log]:
        """The state is entered, which `log` says; returns it if it is to be exported at once."""
        if now - self._entered >= QUIET_NS:
            self._burst, self._window = 0, WINDOW_NS
        self._entered = now
        self._burst += 1
        if self._burst <= BURST:
            self._exported = now
            return [log]
        self._held = log
        self._count += 1
        return []

    def due(self, now: int, *, lasts: bool, ended: bool = False) -> list[Log]:
        """The newest record that was held back, once it is due, with the number of entries that it stands for.

        Args:
            lasts: whether the process is in the state now.
            ended: whether the process has ended, so that nothing is worth waiting for.
        """
        log, age = self._held, now - self._entered
        if log is None:
            return []
        stable = age >= QUIET_NS or (lasts and age >= self._window // LASTING)
        if not (ended or stable or now - self._exported >= self._window):
            return []
        since = f"{self._count} times in the last {(now - self._exported) / 1e9:.0f} s"
        attributes = {**log.attributes, semconv.STATE_COUNT: self._count}
        if self._count > 1:
            log = msgspec.structs.replace(log, body=f"{log.body}; {since}", attributes=attributes)
        self._held, self._count = None, 0
        self._exported = now
        self._window = min(2 * self._window, WINDOW_MAX_NS)
        return [log]


class Details(NamedTuple):
    """What is known of a state besides the verdict: a few words for the record's body, and attributes."""

    words: str
    attributes: Attributes


NO_DETAILS = Details("", {})


class Transitions:
    """The state of one process over time.

    Args:
        resource: the key of the process's Resource.
        instance: its instance id, from which the ids of spans are derived.
        state: the state that an earlier sidecar reported last; None for none.
        since: wall clock nanoseconds when that state began.
    """

    def __init__(self, resource: str, instance: str, state: str | None, since: int) -> None:
        self._resource = resource
        self._instance = instance
        self.state = state
        self.since = since
        # Wall clock minus monotonic when the state was reported: its length is measured on the monotonic clock.
        self._ahead: int | None = None
        self._dampers = {state: Damper() for state in _ENTERED if state not in states.ENDED}

    def telemetry(self, verdict: Verdict, reading: Reading, details: Callable[[], Details]) -> list[Telemetry]:
        """What a new verdict brings; while the state stays only what was held back before.

        Args:
            details: gives what else is known of the state; called where there is a record for it.
        """
        wall, mono = reading.wall, reading.now
        made: list[Telemetry] = []
        for state, damper in self._dampers.items():
            lasts = state == self.state == verdict.state
            made += damper.due(mono, lasts=lasts, ended=verdict.state in states.ENDED)
        if verdict.state == self.state:
            return made
        since = began(verdict, reading)
        if self.state == states.FROZEN:
            until = wall if self._ahead is None else mono + self._ahead
            made.append(left(self._resource, self._instance, self.state, self.since, until))
        if verdict.state in _ENTERED:
            log = self._entered(verdict, since, reading, details())
            damped = self._dampers.get(verdict.state)
            made += [log] if damped is None else damped.enter(log, mono)
        self.state = verdict.state
        self.since = since
        self._ahead = wall - mono
        return made

    def _entered(self, verdict: Verdict, since: int, reading: Reading, details: Details) -> Log:
        event, severity = _ENTERED[verdict.state]
        if verdict.state == states.DEAD and verdict.released:
            severity = SEVERITY_WARN  # it was ended, if not in the way that one wishes for
        attributes: Attributes = {semconv.STATE: verdict.state, **details.attributes}
        tombstone, ending = reading.tombstone, reading.ending
        if verdict.state in states.ENDED:
            if ending.exit_code is not None:
                attributes[semconv.EXIT_CODE] = ending.exit_code
            if ending.signal is not None:
                attributes[semconv.EXIT_SIGNAL] = ending.signal
            if tombstone is not None and tombstone["error"] is not None:
                attributes.update(exception_attributes(tombstone["error"]))
        return Log(
            resource=self._resource,
            # It ends once, and nobody knows to the nanosecond when.
            uid=f"{self._instance}-{verdict.state}" + ("" if verdict.state in states.ENDED else f"-{since}"),
            event=event,
            time=since,
            observed=reading.wall,
            severity=severity,
            body="; ".join(filter(None, (first_line(verdict.why), details.words))),
            attributes=attributes,
        )


class SpanIds(NamedTuple):
    """The ids of a span, in hex."""

    trace: str
    id: str


def span_ids(instance: str, state: str, since: int, slot: int | None) -> SpanIds:
    """Those of an illness: the same whichever sidecar reports it, and before it is over."""
    seed = f"{instance}-{state}-{since}" if slot is None else f"{instance}-{state}-{slot}-{since}"
    identifier = hashlib.blake2b(seed.encode(), digest_size=24).hexdigest()
    return SpanIds(identifier[:32], identifier[32:])


def left(resource: str, instance: str, state: str, since: int, now: int, slot: int | None = None) -> Span:
    """An illness that is over, as a span of its length.

    Args:
        slot: of the event loop that had it, where it was not the whole process.
    """
    trace, identifier = span_ids(instance, state, since, slot)
    attributes: Attributes = {semconv.STATE: state, semconv.ERROR_TYPE: state}
    if slot is not None:
        attributes[semconv.EVENTLOOP] = slot
    return Span(
        resource=resource,
        trace=trace,
        id=identifier,
        name=_LEFT[state],
        start=since,
        end=max(now, since),
        error=f"{state} for {max(0, now - since) / 1e9:.1f} s",
        attributes=attributes,
    )


def began(verdict: Verdict, reading: Reading) -> int:
    """When a state began, wall clock nanoseconds: an illness of the loop begins with its last beat."""
    if verdict.state in _LEFT:
        beats = [signs.wall_ns for signs in reading.running()]
        return min(beats, default=reading.wall)
    if verdict.state in states.ENDED:
        if reading.tombstone is not None:
            return reading.tombstone["ended"]
        # One that froze before it was killed has lived on since its last beat.
        last = reading.last_sign()
        return reading.wall - (reading.now - last) if last else reading.wall
    return reading.wall
