"""Verdicts on one process over several polls: what a single reading cannot decide."""

from __future__ import annotations

from lifesign.judge import states
from lifesign.judge.diagnosis import diagnose
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict

ILL = frozenset((states.BLOCKED, states.FROZEN))
_SUPERVISOR_NS = 1_000_000_000  # longer than it takes to write how a child ended
_LEAVING_NS = 1_000_000_000  # longer than most processes take from their tombstone to their end
_ASKED_NS = 600_000_000_000  # after this long, a later end of the process is not the one that was asked for


class Judgement:
    """The verdicts on one process. Its end is judged once, by what is known of it then.

    Args:
        final: the verdict on its end, where an earlier life of the sidecar has made it.
    """

    def __init__(self, final: Verdict | None = None) -> None:
        self.final = final
        self._leaving_since = 0  # when it was first seen to have a tombstone, and to be gone
        self._gone_since = 0
        self._asked_at: int | None = None
        self._thawing = False

    def end_asked(self, now: int) -> None:
        """The end of the process was asked for, by somebody who does not write `run.json`; monotonic nanoseconds."""
        self._asked_at = now

    def complete(self, reading: Reading) -> Reading:
        """The reading with what is known of its end from elsewhere."""
        ending, asked_at = reading.ending, self._asked_at
        if ending.asked is None and asked_at is not None and reading.now - asked_at < _ASKED_NS:
            ending = ending._replace(asked="SIGTERM", asked_at=asked_at)
        if reading.tombstone is not None:
            self._leaving_since = self._leaving_since or reading.now
        if not reading.alive:
            self._gone_since = self._gone_since or reading.now
            if ending.asked_at is not None:
                ending = ending._replace(asked_ago=max(0, self._gone_since - ending.asked_at))
        return reading._replace(ending=ending)

    def verdict(self, reading: Reading) -> Verdict:
        """The state of the process at this reading."""
        if self.final is not None:
            return self.final
        verdict = diagnose(reading)
        # After a freeze the watchdog may beat a moment before the loop does: that is no illness of its own.
        first = reading.reported == states.FROZEN and verdict.state == states.BLOCKED and not self._thawing
        self._thawing = first
        if first:
            return Verdict(states.FROZEN, "Python runs again, the event loop does not yet")
        if verdict.state not in states.ENDED:
            return verdict
        if self._is_open(reading):
            return Verdict(reading.reported or states.STARTING, "it ended a moment ago")
        if not reading.alive:
            self.final = verdict
        return verdict

    def _is_open(self, reading: Reading) -> bool:
        """Whether to leave the verdict open for a moment, in which more will be known."""
        if reading.alive:
            return reading.now - self._leaving_since < _LEAVING_NS
        # The kernel frees the lock before the supervisor hears of the end.
        return reading.ending.awaited and reading.now - self._gone_since < _SUPERVISOR_NS
