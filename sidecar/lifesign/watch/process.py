"""One watched process: a poll of its pulse is judged, and gives a snapshot and new telemetry."""

from __future__ import annotations

import contextlib
import logging
from typing import Mapping, NamedTuple

import msgspec

from lifesign.judge import states
from lifesign.judge.pace import Quiet, beaten_until, quiet
from lifesign.judge.reading import Reading
from lifesign.judge.rundir import RunDirectory
from lifesign.judge.states import Verdict
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.emit.resource import always_restarts, resource
from lifesign.watch.emit.triggers import Triggers
from lifesign.watch.emitter import Emitter
from lifesign.watch.judgement import Judgement
from lifesign.watch.observe.evidence import Evidence
from lifesign.watch.observe.sensor import Sensor
from lifesign.watch.observe.utilization import Utilization
from lifesign.watch.snapshot import Delays, snapshot
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import Snapshot, Telemetry
from lifesign.wire.folder import PulseError

_logger = logging.getLogger("lifesign.watch")

_ILL = frozenset((states.BLOCKED, states.FROZEN))


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
        own, instance = self.identity["pid"], self.identity["instance"]
        self._evidence = Evidence(self._sensor.folder, own, self._sensor.beats, key, instance, source)
        grace = int(settings.termination_grace * 1e9)
        self._judgement = Judgement(_final(cursor), grace, always=always_restarts(self.resource))
        self._emitter = Emitter(key, self.identity, self._sensor.pulse, cursor, dead_letters, self._evidence, source)
        self._triggers = Triggers()
        self._delays = Delays()
        self._utilization = Utilization()
        self._quiet: Quiet | None = None
        self._reading: Reading | None = None
        self._newest: Poll | None = None
        self.ended = False
        self.alive = True  # at the newest poll

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

    @property
    def leaves(self) -> bool:
        """Whether its container's end was announced, and that of this process is not judged yet."""
        return self._judgement.leaves

    def end_announced(self, at: int, *, asked: bool = True) -> None:
        """The container of every process that had started by then, in monotonic nanoseconds, is about to be ended.

        Args:
            asked: False where that is for an illness of a process, which nobody asked for.
        """
        if self.identity["started_mono_ns"] <= at:
            self._judgement.end_announced(at, None if asked else self._emitter.state)

    def container_ran_again(self, began: int) -> None:
        """A process began in the pod then, monotonic nanoseconds, when all whose end was announced were gone."""
        self._judgement.container_ran_again(began)

    def pod_ends(self, now: int) -> bool:
        """The sidecar was asked to end, monotonic nanoseconds; whether the process has outlived its grace period."""
        with contextlib.suppress(OSError):  # its folder is gone
            return self._sensor.folder.is_alive() and self._judgement.pod_ends(now)
        return False

    def is_due(self, now: int) -> bool:
        """Whether another poll would find something that cannot wait; monotonic nanoseconds. Costs a few calls.

        Raises:
            PulseError, OSError: as `poll` does.
        """
        if self._newest is None or self._sensor.comes_or_goes() or self._emitter.has_unread():
            return True
        if self.ended:
            return not self.drained
        if self._quiet is None or self._reading is None or now >= self._quiet.until:
            return True
        if now < self._quiet.beaten_until:
            return False
        until = beaten_until(self._reading, self._sensor.pulse.beats(), now)
        self._quiet = self._quiet._replace(beaten_until=until)
        return now >= until

    def newest(self) -> Poll | None:
        """The newest poll, as if it had been made again and nothing had come; None before the first."""
        if self._newest is not None and (self._newest.telemetry or self._newest.snapshot.new_delays):
            self._newest = Poll(msgspec.structs.replace(self._newest.snapshot, new_delays=()), [])
        return self._newest

    def last_look(self) -> None:
        """The next poll may be the last one."""
        self._judgement.last_look = True

    def request(self, word: int) -> int:
        """Asks the process for what this word of `wire.layout` means; returns the count that its answer will carry.

        Raises:
            PulseError, OSError: we may not write to its pulse.
        """
        return self._sensor.pulse.request(word)

    def poll(self, watching_since: int, *, ask: bool = True, read: bool = True, leaving: bool = False) -> Poll:
        """Reads the pulse once.

        Args:
            watching_since: monotonic nanoseconds; see `judge.reading.Reading`.
            ask: request task dumps, and stacks, when there is a reason; False for commands that only read.
            read: read its ring on; without room for its records they are left there.
            leaving: we were asked to end, too.

        Raises:
            PulseError, OSError: the pulse is not what it was, or gone.
        """
        # A reported illness is not over because we were away: only a beat ends it.
        since = 0 if self.ill else watching_since
        reading, vitals = self._sensor.read(since, self._emitter.state, judged=self._judgement.final is not None)
        self._utilization.update(reading.loops)
        shares = self._utilization.by_slot
        reading = self._judgement.complete(reading, leaving)._replace(parked=self._emitter.parked(), utilization=shares)
        self.alive = reading.alive
        if reading.alive:
            reading = reading._replace(circumstances=self._evidence.circumstances(reading, ask=ask))
        else:
            reading = reading._replace(ending=reading.ending._replace(crash=self._evidence.crash(reading)))
        telemetry = self._emitter.read(reading.wall, ring=read)
        reading = reading._replace(unmet=self._emitter.unmet(reading), parked=self._emitter.parked())
        verdict = self._judgement.verdict(reading)
        final = self._judgement.final
        telemetry += self._emitter.telemetry(verdict, reading, final)
        if ask:
            self._ask_for_dumps(verdict, reading)
        self.ended = final is not None
        every, still = self.identity["heartbeat_interval"], self.drained and not telemetry
        self._reading, self._quiet = reading, quiet(reading, verdict.state, every) if still else None
        seen = snapshot(
            self.key, self.identity, self.resource, self._shown(verdict, reading), reading, self._emitter.boot,
            self._emitter.ring, dict(self._emitter.dropped), self._delays.new(vitals),
            self._emitter.causes(verdict, reading), self._emitter.busy(reading), self._utilization.times,
            self._sensor.usage.usage,
        )  # fmt: skip
        self._newest = Poll(seen, telemetry)
        return self._newest

    def _shown(self, verdict: Verdict, reading: Reading) -> Verdict:
        """What is shown of a process whose end a kubelet asked for: until more is known, it has stopped."""
        likely = self._judgement.likely
        return likely if likely is not None and reading.ending.announced and not self.ended else verdict

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
    if cursor.state is None or cursor.ended is None:
        return None
    return Verdict(cursor.state, cursor.ended, cursor.released)
