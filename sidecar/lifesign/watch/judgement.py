"""Verdicts on one process over several polls: what a single reading cannot decide."""

from __future__ import annotations

from lifesign.judge import states
from lifesign.judge.diagnosis import Reading, diagnose
from lifesign.judge.states import Verdict

ILL = frozenset((states.BLOCKED, states.FROZEN))
_SUPERVISOR_NS = 1_000_000_000  # longer than it takes to write how a child ended
_ASKED_NS = 600_000_000_000  # after this long, a later end of the process is not the one that was asked for


class Judge:
    """Judges one process."""

    def __init__(self) -> None:
        self._gone_since = 0
        self._asked_since: int | None = None
        self._thawing = False

    def end_asked(self, now: int) -> None:
        """The end of the process was asked for, by somebody who does not write `run.json`; monotonic nanoseconds."""
        self._asked_since = now

    def complete(self, reading: Reading) -> Reading:
        """The reading with what is known of its end from elsewhere."""
        asked = self._asked_since
        if reading.ending.asked is None and asked is not None and reading.now - asked < _ASKED_NS:
            return reading._replace(ending=reading.ending._replace(asked="SIGTERM"))
        return reading

    def verdict(self, reading: Reading) -> Verdict:
        """The state of the process at this reading."""
        verdict = diagnose(reading)
        # After a freeze the watchdog may beat a moment before the loop does: that is no illness of its own.
        first = reading.reported == states.FROZEN and verdict.state == states.BLOCKED and not self._thawing
        self._thawing = first
        if first:
            return Verdict(states.FROZEN, "Python runs again, the event loop does not yet")
        if not reading.alive and reading.ending.awaited and self._wait_for_the_supervisor(reading.now):
            return Verdict(reading.reported or states.STARTING, "it ended a moment ago")
        return verdict

    def _wait_for_the_supervisor(self, now: int) -> bool:
        """Whether to leave the verdict open: the kernel frees the lock before the supervisor hears of the end."""
        self._gone_since = self._gone_since or now
        return now - self._gone_since < _SUPERVISOR_NS
