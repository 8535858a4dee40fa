"""Coming into a state and leaving it: one log record on the way in, a back-dated span on the way out."""

from __future__ import annotations

import hashlib
from typing import Callable, NamedTuple

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.diagnosis import Ending, Verdict
from lifesign.watch.emit.translate import exception_attributes, first_line
from lifesign.watch.telemetry import SEVERITY_ERROR, SEVERITY_FATAL, SEVERITY_INFO, Attributes, Log, Signal, Span
from lifesign.wire.records import Tombstone

_ENTERED = {
    states.BLOCKED: (semconv.LOG_BLOCKED, SEVERITY_ERROR),
    states.FROZEN: (semconv.LOG_FROZEN, SEVERITY_ERROR),
    states.SILENT: (semconv.LOG_SILENCE, SEVERITY_ERROR),
    states.DEGRADED: (semconv.LOG_DEGRADED, SEVERITY_ERROR),
    states.DEAD: (semconv.LOG_DIED, SEVERITY_FATAL),
    states.STOPPED: (semconv.LOG_STOPPED, SEVERITY_INFO),
}
_LEFT = {states.BLOCKED: semconv.SPAN_BLOCKED, states.FROZEN: semconv.SPAN_FROZEN}


class Evidence(NamedTuple):
    """What is known of a state besides the verdict: a few words for the record's body, and attributes."""

    words: str
    attributes: Attributes


NO_EVIDENCE = Evidence("", {})


class Transitions:
    """The state of one process over time.

    Args:
        resource: the key of the process's Resource.
        instance: its instance id, from which the ids of spans are derived.
        state: the state that was told last, in an earlier life of the sidecar; None for none.
        since: wall clock nanoseconds when that state began.
    """

    def __init__(self, resource: str, instance: str, state: str | None, since: int) -> None:
        self._resource = resource
        self._instance = instance
        self.state = state
        self.since = since
        # Wall clock minus monotonic when the state was told: its length is not the wall clock's to say.
        self._ahead: int | None = None

    def signals(
        self,
        verdict: Verdict,
        began: int,
        now: tuple[int, int],
        tombstone: Tombstone | None,
        ending: Ending,
        evidence: Callable[[], Evidence],
    ) -> list[Signal]:
        """What a new verdict has to tell; nothing while the state stays.

        Args:
            began: when the new state really began (the last beat before it), wall clock nanoseconds.
            now: wall clock and monotonic nanoseconds.
            evidence: asked for where there is a record to put it into.
        """
        if verdict.state == self.state:
            return []
        made: list[Signal] = []
        wall, mono = now
        if self.state in _LEFT:
            made.append(self._left(self.state, wall if self._ahead is None else mono + self._ahead))
        if verdict.state in _ENTERED:
            made.append(self._entered(verdict, began, wall, tombstone, ending, evidence()))
        self.state = verdict.state
        self.since = began
        self._ahead = wall - mono
        return made

    def _entered(
        self,
        verdict: Verdict,
        began: int,
        now: int,
        tombstone: Tombstone | None,
        ending: Ending,
        evidence: Evidence,
    ) -> Log:
        event, severity = _ENTERED[verdict.state]
        attributes: Attributes = {semconv.STATE: verdict.state, **evidence.attributes}
        if verdict.state in states.ENDED:
            if ending.exit_code is not None:
                attributes[semconv.EXIT_CODE] = ending.exit_code
            if ending.signal is not None:
                attributes[semconv.EXIT_SIGNAL] = ending.signal
            if tombstone is not None and tombstone["error"] is not None:
                attributes.update(exception_attributes(tombstone["error"]))
        return Log(
            resource=self._resource,
            uid=f"{self._instance}-{verdict.state}-{began}",
            event=event,
            time=began,
            observed=now,
            severity=severity,
            body="; ".join(filter(None, (first_line(verdict.why), evidence.words))),
            attributes=attributes,
        )

    def _left(self, state: str, now: int) -> Span:
        seed = f"{self._instance}-{state}-{self.since}".encode()
        # The same episode has the same ids, whichever sidecar tells of it.
        identifier = hashlib.blake2b(seed, digest_size=24).hexdigest()
        return Span(
            resource=self._resource,
            trace=identifier[:32],
            id=identifier[32:],
            name=_LEFT[state],
            start=self.since,
            end=max(now, self.since),
            error=f"{state} for {max(0, now - self.since) / 1e9:.1f} s",
            attributes={semconv.STATE: state, semconv.ERROR_TYPE: state},
        )
