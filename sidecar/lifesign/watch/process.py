"""One watched process: a look at its pulse gives a snapshot and the signals that are new."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Mapping, NamedTuple

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.diagnosis import Ending, Reading, Verdict, diagnose
from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch import decode
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import Rejected
from lifesign.watch.emit.boot import BootView
from lifesign.watch.emit.resource import resource
from lifesign.watch.emit.ring import KINDS as RING_KINDS
from lifesign.watch.emit.ring import RingView
from lifesign.watch.emit.transitions import NO_EVIDENCE, Evidence, Transitions
from lifesign.watch.emit.triggers import Triggers
from lifesign.watch.evidence import Witness
from lifesign.watch.lane import Lane
from lifesign.watch.snapshot import Delays, snapshot
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import SEVERITY_WARN, Log, Signal, Snapshot
from lifesign.wire import layout
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader

_logger = logging.getLogger("lifesign.watch")
_ILL = frozenset((states.BLOCKED, states.FROZEN))
_SUPERVISOR_NS = 1_000_000_000  # more than it takes to write how a child ended
_BOOT_KINDS = frozenset(("boot_expects", "checkpoint", "boot_ended"))
_ASKED_NS = 600_000_000_000  # a process that lives on for so long after it was asked to end was not


class Look(NamedTuple):
    """What one look brought. `signals` are new; they count as told once `WatchedProcess.told` is called."""

    snapshot: Snapshot
    signals: list[Signal]


class WatchedProcess:
    """A process folder that is watched.

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
        rejected: Rejected,
        source: Source = no_source,
    ) -> None:
        self.key = key
        self._directory = directory
        self._settings = settings
        self._cursor = cursor
        with contextlib.ExitStack() as opened:
            self._folder = folder = directory.open(key)
            opened.callback(folder.close)
            self._reader = PulseReader(folder.descriptor)
            opened.callback(self._reader.close)
            try:
                self.identity = decode.identity(self._reader.identity())
            except decode.InvalidRecordError as error:
                raise PulseError(str(error)) from None
            self._opened = opened.pop_all()
        self.resource = resource(key, self.identity, environ)
        self.ended = False
        self.drained = False  # the newest look found nothing that it had not read
        self._gone_since = 0
        self._asked_since: int | None = None
        self._thawing = False
        self._boot_lane = Lane(self._reader.boot, _BOOT_KINDS, key, rejected)
        self._ring_lane = Lane(self._reader.ring, RING_KINDS, key, rejected, cursor)
        self._ring = RingView(self._ring_lane, key, self.identity["instance"], source)
        if cursor.ring_sequence:
            self._ring.recall(self._reader.ring(), cursor.ring_sequence)
        self._boot = BootView(self.identity, key, cursor.boot_exported)
        self._boot_told = cursor.boot_sequence if cursor.boot_exported else 0
        self._transitions = Transitions(key, self.identity["instance"], cursor.state, cursor.state_since)
        self._triggers = Triggers()
        self._witness = Witness(folder.descriptor, folder.life, key, self.identity["instance"], source)
        self._delays = Delays()
        self._dropped = {"ring": 0, "invalid": 0, **cursor.dropped}

    def close(self) -> None:
        self._opened.close()

    @property
    def ill(self) -> bool:
        """Whether it is blocked or frozen, as far as has been told."""
        return self._transitions.state in _ILL

    def end_asked(self) -> None:
        """Its end was asked for, by somebody who does not write `run.json`."""
        self._asked_since = time.monotonic_ns()

    def request_dump(self) -> int:
        """Asks the process for a task dump; returns the count that its answer will carry.

        Raises:
            PulseError, OSError: we may not write to its pulse.
        """
        return self._reader.request(layout.REQUEST_DUMP)

    def look(self, watching_since: int, *, ask: bool = True, read: bool = True) -> Look:
        """Reads the pulse once.

        Args:
            watching_since: monotonic nanoseconds; see `diagnosis.Reading`.
            ask: ask for task dumps where there is a reason; not for those who only want to see.
            read: read its ring on; without room for what lies there it is left where it is.

        Raises:
            PulseError, OSError: the pulse is not what it was, or gone.
        """
        alive = self._folder.is_alive()  # first: what is read afterwards of a dead process is complete
        vitals = self._reader.vitals()
        wall, mono = time.time_ns(), time.monotonic_ns()
        before = self._boot_lane.position, self._ring_lane.position
        self._read_boot()
        from_ring = self._ring.signals(wall) if read else []
        started, timeout = self.identity["started_mono_ns"], int(self._settings.heartbeat_timeout * 1e9)
        reading = Reading(
            now=mono,
            # What has been told of is not over because we were away: only a beat ends it.
            watching_since=0 if self._transitions.state in _ILL else watching_since,
            alive=alive,
            watchdog=vitals.watchdog,
            loops=tuple(signs for signs in vitals.loops if signs is not None),
            events=vitals.events,
            started=started,
            timeout=timeout,
            boot_timeout=int(self.identity["boot_timeout"] * 1e9),
            tombstone=None if alive else decode.tombstone(self._reader.tombstone()),
            ending=self._ending(mono),
            circumstances=self._witness.look(alive, vitals, started, timeout, mono, wall),
            told=self._transitions.state,
            unmet=self._boot.unmet(vitals.watchdog.failing if vitals.watchdog else 0, self._ring.failing()),
        )
        verdict = self._thawed(diagnose(reading))
        if not alive and reading.ending.awaited and self._wait_for_the_supervisor(mono):
            alive, verdict = True, Verdict(self._transitions.state or states.STARTING, "it ended a moment ago")
        made = [*self._boot.signals(None if alive else verdict.why, wall), *from_ring]
        self.drained = read and before == (self._boot_lane.position, self._ring_lane.position)
        made += self._report_dropped(wall)
        began = _began(verdict, reading, wall)
        made += self._transitions.signals(
            verdict,
            began,
            (wall, mono),
            reading.tombstone,
            reading.ending,
            lambda: self._evidence(verdict.state, began),
        )
        if verdict.state == states.FROZEN:
            made += self._witness.late(wall)
        if ask:
            self._ask_for_dumps(verdict, reading)
        self.ended = verdict.state in states.ENDED
        seen = snapshot(
            self.key, self.identity, self.resource, verdict, reading, self._boot,
            self._ring, dict(self._dropped), self._delays.new(vitals),
        )  # fmt: skip
        return Look(seen, made)

    def _thawed(self, verdict: Verdict) -> Verdict:
        """After a freeze the watchdog may beat a moment before the loop does: that is no illness of its own."""
        first = self._transitions.state == states.FROZEN and verdict.state == states.BLOCKED and not self._thawing
        self._thawing = first
        return Verdict(states.FROZEN, "Python runs again, the event loop does not yet") if first else verdict

    def told(self) -> None:
        """All signals of the looks so far have been handed on for good."""
        cursor = self._cursor
        cursor.boot_sequence = self._boot_lane.sequence
        cursor.boot_exported = self._boot.exported
        self._ring_lane.keep(cursor)
        cursor.dropped = self._dropped
        cursor.state = self._transitions.state
        cursor.state_since = self._transitions.since

    def _ending(self, now: int) -> Ending:
        ending = self._directory.ending(self.identity["pid"])
        if ending.asked is None and self._asked_since is not None and now - self._asked_since < _ASKED_NS:
            return ending._replace(asked="SIGTERM")
        return ending

    def _wait_for_the_supervisor(self, now: int) -> bool:
        """Whether to leave the verdict open: the kernel frees the lock before the supervisor hears of the end."""
        self._gone_since = self._gone_since or now
        return now - self._gone_since < _SUPERVISOR_NS

    def _read_boot(self) -> None:
        for sequence, record in self._boot_lane.records():
            if record["kind"] == "checkpoint" or record["kind"] == "boot_ended" or record["kind"] == "boot_expects":
                self._boot.add(record, told=sequence < self._boot_told)

    def _ask_for_dumps(self, verdict: Verdict, reading: Reading) -> None:
        tasks = reading.watchdog.tasks if reading.watchdog else 0
        for word in self._triggers.due(
            verdict.state, asked=reading.ending.asked is not None, tasks=tasks, now=reading.now
        ):
            try:
                self._reader.request(word)
            except (OSError, PulseError) as error:
                _logger.debug("lifesign: process %s cannot be asked for a dump: %s", self.key, error)

    def _evidence(self, state: str, began: int) -> Evidence:
        """What is known of the state that the process comes into."""
        if state == states.BLOCKED:
            return self._ring.stall(began)
        return self._witness.evidence() if state in (states.FROZEN, states.DEAD) else NO_EVIDENCE

    def _report_dropped(self, wall: int) -> list[Signal]:
        lanes = (self._boot_lane, self._ring_lane)
        counted = {"ring": sum(lane.missed for lane in lanes), "invalid": sum(lane.invalid for lane in lanes)}
        made: list[Signal] = [
            Log(
                resource=self.key,
                # The same when it is told again, be it with a higher count.
                uid=f"{self.identity['instance']}-dropped-{reason}-{self._dropped[reason]}",
                event=semconv.LOG_RECORDS_DROPPED,
                time=wall,
                observed=wall,
                severity=SEVERITY_WARN,
                body=f"{count - self._dropped[reason]} record(s) dropped: {_DROPPED[reason]}",
                attributes={semconv.REASON: reason, semconv.DROPPED_COUNT: count - self._dropped[reason]},
            )
            for reason, count in counted.items()
            if count > self._dropped[reason]
        ]
        self._dropped = counted
        return made


_DROPPED = {
    "ring": "overwritten before they were read, or too long for the ring",
    "invalid": "torn or not of the shape of a record",
}


def _began(verdict: Verdict, reading: Reading, wall: int) -> int:
    """When a state began, wall clock nanoseconds: an illness of the loop begins with its last beat."""
    if verdict.state in (states.BLOCKED, states.FROZEN):
        beats = [signs.wall_ns for signs in reading.loops if signs.state == layout.LOOP_RUNNING]
        return min(beats, default=wall)
    if verdict.state in states.ENDED:
        if reading.tombstone is not None:
            return reading.tombstone["ended"]
        return reading.watchdog.wall_ns if reading.watchdog else wall
    return wall
