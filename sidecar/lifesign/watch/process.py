"""One watched process: a poll of its pulse is judged, and gives a snapshot and new telemetry."""

from __future__ import annotations

import logging
from typing import Mapping, NamedTuple

from lifesign.judge import states
from lifesign.judge.diagnosis import diagnose
from lifesign.judge.reading import Reading
from lifesign.judge.rundir import RunDirectory
from lifesign.judge.states import Verdict
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.emit.resource import resource
from lifesign.watch.emit.triggers import Triggers
from lifesign.watch.emitter import Emitter
from lifesign.watch.observe.evidence import Evidence
from lifesign.watch.observe.sensor import Sensor
from lifesign.watch.observe.utilization import Utilization
from lifesign.watch.snapshot import Delays, snapshot
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import Snapshot, Telemetry
from lifesign.wire import layout
from lifesign.wire.folder import PulseError

_logger = logging.getLogger("lifesign.watch")

_ILL = frozenset((states.BLOCKED, states.FROZEN))
_SUPERVISOR_NS = 1_000_000_000  # longer than it takes to write how a child ended
_LEAVING_NS = 1_000_000_000  # longer than most processes take from their tombstone to their end
_ASKED_NS = 600_000_000_000  # after this long, a later end of the process is not the one that was asked for


class Poll(NamedTuple):
    """The result of one poll. `telemetry` is new; it counts as emitted once `WatchedProcess.acknowledge` is called."""

    snapshot: Snapshot
    telemetry: list[Telemetry]


class WatchedProcess:
    """A watched process folder: read, judged, and turned into telemetry.

    Raises:
        PulseError: its pulse cannot be read, and never will be.
        OSError: the folder or a file in it cannot be opened.
    """

    def __init__(
        self,
        directory: RunDirectory,
        key: str,
        cursor: Cursor,
        settings: Settings,
        environ: Mapping[str, str],
        dead_letters: DeadLetters,
        source: Source = no_source,
    ) -> None:
        self.key = key
        self._sensor = Sensor(directory, key, settings.heartbeat_timeout)
        self.identity = self._sensor.identity
        self.resource = resource(key, self.identity, environ)
        self._evidence = Evidence(self._sensor.folder, key, self.identity["instance"], source)
        self._judgement = Judgement(_final(cursor))
        self._emitter = Emitter(key, self.identity, self._sensor.pulse, cursor, dead_letters, self._evidence, source)
        self._triggers = Triggers()
        self._delays = Delays()
        self._utilization = Utilization()
        self.ended = False

    def close(self) -> None:
        self._sensor.close()

    @property
    def drained(self) -> bool:
        """Whether the newest poll found nothing that had not been read before."""
        return self._emitter.drained

    @property
    def ill(self) -> bool:
        """Whether it is blocked or frozen, as far as has been reported."""
        return self._emitter.state in _ILL

    def end_asked(self, at: int) -> None:
        """Every process that had started by then, in monotonic nanoseconds, was asked to end."""
        if self.identity["started_mono_ns"] <= at:
            self._judgement.end_asked(at)

    def request_dump(self) -> int:
        """Asks the process for a task dump; returns the count that its answer will carry.

        Raises:
            PulseError, OSError: we may not write to its pulse.
        """
        return self._sensor.pulse.request(layout.REQUEST_DUMP)

    def poll(self, watching_since: int, *, ask: bool = True, read: bool = True) -> Poll:
        """Reads the pulse once.

        Args:
            watching_since: monotonic nanoseconds; see `judge.reading.Reading`.
            ask: request task dumps when there is a reason; False for commands that only read.
            read: read its ring on; without room for its records they are left there.

        Raises:
            PulseError, OSError: the pulse is not what it was, or gone.
        """
        # A reported illness is not over because we were away: only a beat ends it.
        since = 0 if self.ill else watching_since
        reading, vitals = self._sensor.read(since, self._emitter.state, judged=self._judgement.final is not None)
        self._utilization.update(reading.loops)
        shares = self._utilization.by_slot
        reading = self._judgement.complete(reading)._replace(parked=self._emitter.parked(), utilization=shares)
        if reading.alive:
            reading = reading._replace(circumstances=self._evidence.circumstances(reading))
        else:
            reading = reading._replace(ending=reading.ending._replace(crash=self._evidence.crash(reading)))
        telemetry = self._emitter.read(reading.wall, ring=read)
        reading = reading._replace(unmet=self._emitter.unmet(reading), parked=self._emitter.parked())
        verdict = self._judgement.verdict(reading)
        final = self._judgement.final
        telemetry += self._emitter.telemetry(verdict, reading, final and final.why)
        if ask:
            self._ask_for_dumps(verdict, reading)
        self.ended = final is not None
        seen = snapshot(
            self.key, self.identity, self.resource, verdict, reading, self._emitter.boot,
            self._emitter.ring, dict(self._emitter.dropped), self._delays.new(vitals),
            self._emitter.causes(verdict, reading), self._emitter.busy(reading), self._utilization.times,
        )  # fmt: skip
        return Poll(seen, telemetry)

    def acknowledge(self) -> None:
        """All telemetry of the polls so far has been handed on for good; a cursor may pass it."""
        self._emitter.acknowledge()

    def _ask_for_dumps(self, verdict: Verdict, reading: Reading) -> None:
        # Finished ones that are kept for ever are a leak too.
        tasks = reading.watchdog.tasks + reading.watchdog.finished if reading.watchdog else 0
        asked = reading.ending.asked is not None
        silent = self._emitter.silent()
        for word in self._triggers.due(verdict.state, asked=asked, tasks=tasks, now=reading.now, silent=silent):
            try:
                self._sensor.pulse.request(word)
            except (OSError, PulseError) as error:
                _logger.debug("lifesign: process %s cannot be asked for a dump: %s", self.key, error)


class Judgement:
    """The verdicts on one process over several polls, for what a single reading cannot decide.

    Its end is judged once, by what is known of it then.

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


def _final(cursor: Cursor) -> Verdict | None:
    return None if cursor.state is None or cursor.ended is None else Verdict(cursor.state, cursor.ended)
