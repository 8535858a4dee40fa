"""One watched process: a poll of its pulse gives a snapshot and new telemetry."""

from __future__ import annotations

import logging
from typing import Mapping, NamedTuple

from lifesign.judge.reading import Reading
from lifesign.judge.rundir import RunDirectory
from lifesign.judge.states import Verdict
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.emit.resource import resource
from lifesign.watch.emit.triggers import Triggers
from lifesign.watch.emitter import Emitter
from lifesign.watch.judgement import ILL, Judgement
from lifesign.watch.observe.evidence import Evidence
from lifesign.watch.observe.sensor import Sensor
from lifesign.watch.snapshot import Delays, snapshot
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import Snapshot, Telemetry
from lifesign.wire import layout
from lifesign.wire.folder import PulseError

_logger = logging.getLogger("lifesign.watch")


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
        return self._emitter.state in ILL

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
        reading = self._judgement.complete(reading)._replace(parked=self._emitter.parked())
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
            self._emitter.causes(verdict, reading),
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


def _final(cursor: Cursor) -> Verdict | None:
    return None if cursor.state is None or cursor.ended is None else Verdict(cursor.state, cursor.ended)
