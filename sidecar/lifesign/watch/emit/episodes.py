"""Illnesses that a process can have several of at once: each has its own record, its own evidence and its own end.

A loop that is blocked is reported by itself, and so is a promised event that is overdue, whatever else is wrong with
the process already. `transitions` has the illnesses of the process as a whole.
"""

from __future__ import annotations

from typing import AbstractSet, Callable, NamedTuple

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.overdue import Overdue
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict
from lifesign.watch.emit.transitions import NO_DETAILS, Damper, Details, SpanIds, left, span_ids
from lifesign.watch.telemetry import SEVERITY_ERROR, Log, Telemetry
from lifesign.wire.reader import LoopSigns

EVIDENCE_NS = 2_000_000_000  # that a record waits for a task dump
DUMPS_APART_NS = 5_000_000_000  # between two dumps that nobody asked for by hand
_DAMPED_MAX = 256
_NEAR_NS = 100_000_000  # by so much two clocks may differ


class _Dampers:
    """One for each that there is room for: a hostile pulse could name any number."""

    def __init__(self) -> None:
        self._by_key: dict[object, Damper] = {}

    def of(self, key: object) -> Damper:
        if key not in self._by_key and len(self._by_key) >= _DAMPED_MAX:
            return Damper()
        return self._by_key.setdefault(key, Damper())

    def due(self, now: int, lasting: AbstractSet[object], *, ended: bool) -> list[Telemetry]:
        return [
            log for key, damper in self._by_key.items() for log in damper.due(now, lasts=key in lasting, ended=ended)
        ]


class _Stall(NamedTuple):
    slot: int
    since: int  # wall clock nanoseconds
    ahead: int | None  # wall clock minus monotonic when it was reported; None where an earlier sidecar did


class _Reported(NamedTuple):
    since: int  # wall clock nanoseconds
    until: int | None  # None while it goes on


class BlockedLoops:
    """The loops of one process that are blocked, each from its last beat to its next.

    Args:
        open_: the stalls that an earlier sidecar has reported: wall clock nanoseconds and slot, by generation.
    """

    def __init__(self, resource: str, instance: str, open_: dict[int, tuple[int, int]]) -> None:
        self._resource = resource
        self._instance = instance
        self._open = {generation: _Stall(slot, since, None) for generation, (slot, since) in open_.items()}
        self._newest = {stall.slot: _Reported(stall.since, None) for stall in self._open.values()}
        self._dampers = _Dampers()

    @property
    def open(self) -> dict[int, tuple[int, int]]:
        """Slot and beginning of each stall that goes on, by the generation of its loop."""
        return {generation: (stall.slot, stall.since) for generation, stall in self._open.items()}

    def newest(self, slot: int, at: int) -> tuple[SpanIds, int] | None:
        """The span of the stall that a loop was last reported for, and since when; None if it was over before `at`."""
        known = self._newest.get(slot)
        if known is None or at < known.since or (known.until is not None and at > known.until + _NEAR_NS):
            return None
        return span_ids(self._instance, states.BLOCKED, known.since, slot), known.since

    def telemetry(
        self, verdict: Verdict, reading: Reading, late: list[LoopSigns], details: Callable[[LoopSigns], Details]
    ) -> list[Telemetry]:
        """A span for each loop that turns again, a record for each that has come to a halt.

        Args:
            late: the loops that do not turn; empty where the process is not blocked.
            details: gives what is known of one of them.
        """
        ended = verdict.state in states.ENDED
        halted = {signs.generation: signs for signs in late}
        lasting = {stall.slot for generation, stall in self._open.items() if generation in halted}
        made = self._dampers.due(reading.now, lasting, ended=ended)
        for generation, stall in list(self._open.items()):
            if generation not in halted:
                del self._open[generation]
                until = reading.wall if stall.ahead is None else reading.now + stall.ahead
                self._newest[stall.slot] = _Reported(stall.since, until)
                made.append(left(self._resource, self._instance, states.BLOCKED, stall.since, until, stall.slot))
        for generation, signs in halted.items():
            if generation in self._open:
                continue
            self._open[generation] = _Stall(signs.slot, signs.wall_ns, reading.wall - reading.now)
            self._newest[signs.slot] = _Reported(signs.wall_ns, None)
            known = details(signs)
            log = Log(
                resource=self._resource,
                uid=f"{self._instance}-{states.BLOCKED}-{signs.slot}-{signs.wall_ns}",
                event=semconv.LOG_BLOCKED,
                time=signs.wall_ns,
                observed=reading.wall,
                severity=SEVERITY_ERROR,
                body="; ".join(filter(None, (verdict.why, known.words))),
                attributes={semconv.STATE: states.BLOCKED, semconv.EVENTLOOP: signs.slot, **known.attributes},
            )
            made += self._dampers.of(signs.slot).enter(log, reading.now)
        return made


class _Silence(NamedTuple):
    late: Overdue
    reading: Reading  # when it was found


class Silences:
    """The promised events of one process that are overdue, each until it comes.

    Args:
        open_: the names of those that an earlier sidecar has reported.
    """

    def __init__(self, resource: str, instance: str, open_: list[str]) -> None:
        self._resource = resource
        self._instance = instance
        self._open: dict[str, None] = dict.fromkeys(open_)
        self._waiting: dict[str, _Silence] = {}  # for a task dump
        self._dampers = _Dampers()

    @property
    def open(self) -> list[str]:
        """Names of those that are overdue, and reported."""
        return [name for name in self._open if name not in self._waiting]

    def names(self) -> frozenset[str]:
        """Names of those that are overdue, reported or not yet."""
        return frozenset(self._open)

    def telemetry(
        self, reading: Reading, late: list[Overdue], known: Callable[[Overdue], Details | None], dumped: int
    ) -> list[Telemetry]:
        """A record for each event that has become overdue; it waits a moment for the task dump that says why.

        Args:
            known: gives what is known of it; None while there is no task dump of after it was due.
            dumped: when the newest task dump was taken, wall clock nanoseconds.
        """
        names = {one.name for one in late}
        made = self._dampers.due(reading.now, set(self._open) & names, ended=not reading.alive)
        for one in late:
            if one.name not in self._open:
                self._open[one.name] = None
                self._waiting[one.name] = _Silence(one, reading)
        for name, (one, found) in list(self._waiting.items()):
            details = known(one)
            # The process pauses between two dumps.
            pause = min(max(0, dumped + DUMPS_APART_NS - found.wall), DUMPS_APART_NS)
            if details is None and name in names and reading.now - found.now < pause + EVIDENCE_NS:
                continue
            del self._waiting[name]
            made += self._dampers.of(name).enter(self._log(one, found, details or NO_DETAILS), reading.now)
        for name in self._open.keys() - names:
            del self._open[name]
        return made

    def _log(self, late: Overdue, found: Reading, known: Details) -> Log:
        return Log(
            resource=self._resource,
            uid=f"{self._instance}-{states.SILENT}-{late.name}-{found.wall}",
            event=semconv.LOG_SILENCE,
            time=found.wall,
            observed=found.wall,
            severity=SEVERITY_ERROR,
            body="; ".join(filter(None, (late.words, known.words))),
            attributes={semconv.STATE: states.SILENT, semconv.EVENT_NAME: late.name, **known.attributes},
        )
