"""All the telemetry of one process: its boot, its ring, its states, and what was lost of its records."""

from __future__ import annotations

from functools import partial
from typing import Sequence

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.causes.cause import causes, deadlocks
from lifesign.judge.causes.findings import Asked, Cause, Dump, Exiting, Findings
from lifesign.judge.causes.stages import HANGS_NS
from lifesign.judge.degraded import Unmet
from lifesign.judge.diagnosis import late_loops, loops_late_at_death
from lifesign.judge.ending import out_of_memory
from lifesign.judge.overdue import Overdue, is_between, overdue
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.emit.boot import BootView
from lifesign.watch.emit.causes import asked, cause_attributes, cause_words, exiting, stall_attributes
from lifesign.watch.emit.episodes import EVIDENCE_NS, BlockedLoops, Silences
from lifesign.watch.emit.ring import KINDS as RING_KINDS
from lifesign.watch.emit.ring import RingView
from lifesign.watch.emit.stalls.profiles import Profiles
from lifesign.watch.emit.stalls.reports import StallReports
from lifesign.watch.emit.transitions import NO_DETAILS, Details, Transitions
from lifesign.watch.observe.evidence import Evidence
from lifesign.watch.records import BootRecord, Lane, RingRecord
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_WARN, Log, Telemetry
from lifesign.wire import layout
from lifesign.wire.reader import LoopSigns, PulseReader
from lifesign.wire.records import Identity, Stall
from lifesign.wire.stalls import BusyLoop

_BOOT_KINDS = frozenset(("boot_expects", "checkpoint", "boot_ended"))
_EXPLAINED = (states.SILENT, states.DEGRADED, states.BLOCKED)  # by a task dump
CALM = 0.05  # of the time: a loop that works less is not busy, and its process said so in a record that was lost
_LOOPS_SHOWN = 8  # that are blocked, among the causes
_DROPPED = {
    "ring": "overwritten before they were read, or too long for the ring",
    "invalid": "torn or not of the shape of a record",
}


class Emitter:
    """Makes the telemetry of one process, from where an earlier sidecar stopped according to `cursor`.

    Args:
        key: the name of the process's folder, and the key of its Resource.
    """

    def __init__(
        self,
        key: str,
        identity: Identity,
        pulse: PulseReader,
        cursor: Cursor,
        dead_letters: DeadLetters,
        evidence: Evidence,
        source: Source,
    ) -> None:
        self._key = key
        self._instance = identity["instance"]
        self._cursor = cursor
        self._evidence = evidence
        self._source = source
        self._heads = pulse.heads
        self._boot_lane: Lane[BootRecord] = Lane(pulse.boot, _BOOT_KINDS, key, dead_letters)
        self._boot_emitted = cursor.boot_sequence if cursor.boot_exported else 0
        self._ring_lane: Lane[RingRecord] = Lane(pulse.ring, RING_KINDS, key, dead_letters, cursor)
        self._silences = Silences(key, self._instance, cursor.overdue)
        self._blocked = BlockedLoops(key, self._instance, cursor.blocked)
        self._transitions = Transitions(key, self._instance, cursor.state, cursor.state_since)
        self.boot = BootView(identity, key, cursor.boot_exported)
        profiles = Profiles(key, self._blocked.newest)
        self.ring = RingView(self._ring_lane, key, self._instance, source, profiles)
        self._stall_reports = StallReports(key, self._instance, self.ring.culprits, source)
        if cursor.ring_sequence:
            self.ring.recall(pulse.ring(), cursor.ring_sequence)
            self._stall_reports.recall()
        self.drained = False  # the newest reading found nothing that had not been read before
        self._final: Verdict | None = None
        self._ill: tuple[Verdict, Reading] | None = None  # at the poll before
        self.dropped = {"ring": 0, "invalid": 0, **cursor.dropped}

    @property
    def state(self) -> str | None:
        """The state that was reported last."""
        return self._transitions.state

    def read(self, wall: int, *, ring: bool) -> list[Telemetry]:
        """Reads on in the lanes; returns the telemetry of the records.

        Args:
            wall: wall clock nanoseconds.
            ring: whether to read the ring on; without room for its records they are left there.
        """
        before = self._boot_lane.position, self._ring_lane.position
        for sequence, record in self._boot_lane.records():
            self.boot.add(record, emitted=sequence < self._boot_emitted)
        made = self.ring.telemetry(wall, self._explain) if ring else []
        self.drained = ring and before == (self._boot_lane.position, self._ring_lane.position)
        return made

    def has_unread(self) -> bool:
        """Whether there are records that have not been read; raises as `PulseReader` does."""
        return self._heads() != (self._boot_lane.position, self._ring_lane.position)

    def silent(self) -> frozenset[str]:
        """The names of the promised events that are overdue."""
        return self._silences.names()

    def parked(self) -> frozenset[int]:
        """See `Reading.parked`."""
        return self.ring.parked()

    def unmet(self, reading: Reading) -> Unmet:
        """The requirements of the service that are not met, as far as has been read."""
        unmet = self.boot.unmet(reading.watchdog.failing if reading.watchdog else 0, self.ring.failing())
        found = deadlocks(Findings(states.HEALTHY, self.ring.dump))
        return unmet._replace(deadlock=found[0].sentence if found else "")

    def telemetry(self, verdict: Verdict, reading: Reading, final: Verdict | None) -> list[Telemetry]:
        """The telemetry of a verdict: the boot's trace, entering and leaving a state, and what was lost.

        Args:
            final: the verdict on the end of the process, once that is judged.
        """
        wall = reading.wall
        self._ill = (verdict, reading) if verdict.state in _EXPLAINED else None
        self._final = final
        made = self._of_boot(verdict, reading)
        made += self._report_dropped(wall)
        made += self._stall_reports.due(wall, reading.timeout, ended=final is not None)
        made += self._episodes(verdict, reading)
        made += self._transitions.telemetry(verdict, reading, partial(self._details, verdict, reading))
        if verdict.state == states.FROZEN:
            made += self._evidence.late(wall)
        return made

    def acknowledge(self) -> None:
        """Everything made so far has been handed on for good."""
        cursor = self._cursor
        cursor.boot_sequence = self._boot_lane.sequence
        cursor.boot_exported = self.boot.exported
        self._ring_lane.keep(cursor)
        cursor.dropped = self.dropped
        cursor.state = self._transitions.state
        cursor.state_since = self._transitions.since
        if self._final is not None:
            cursor.ended, cursor.released = self._final.why, self._final.released
        cursor.overdue = self._silences.open
        cursor.blocked = self._blocked.open

    def causes(self, verdict: Verdict, reading: Reading) -> list[Cause]:
        """Why the process is in this state, as far as it can be shown."""
        halted = loops_late_at_death(reading) if verdict.state == states.DEAD else _late_loops(verdict, reading)
        stalls = self._stalls(halted)
        return self._found(verdict.state, reading, self._dump(verdict, reading), stalls)

    def busy(self, reading: Reading) -> tuple[BusyLoop, ...]:
        """The loops that spin, as far as nothing that was measured since says otherwise."""
        slots = {signs.slot for signs in reading.loops if signs.state == layout.LOOP_RUNNING}
        shares = reading.utilization
        return tuple(
            one for one in self.ring.culprits.busy() if one["loop"] in slots and shares.get(one["loop"], 1.0) >= CALM
        )

    def _explain(self, dump: Dump) -> list[Cause]:
        """The causes that a task dump shows, in the state that the process is in."""
        if dump.summary["reason"] == "shutdown":  # it is only asked for then
            return causes(Findings(states.HEALTHY, dump, asked=Asked("", 0, HANGS_NS)))
        if self._ill is None:
            phase = layout.ENDINGS.get(dump.summary["reason"])
            return causes(Findings(states.HEALTHY, dump, exiting=None if phase is None else Exiting(phase, 0, 0)))
        verdict, reading = self._ill
        return self._found(verdict.state, reading, dump, self._stalls(_late_loops(verdict, reading)))

    def _of_boot(self, verdict: Verdict, reading: Reading) -> list[Telemetry]:
        """The boot's trace; that of one that timed out waits a moment for the task dump that says where it waits."""
        over, final = self.boot.ended_at, self._final
        if self.boot.outcome == "timed_out" and over is not None and final is None and not self.boot.exported:
            # Its vital signs say a moment later that the boot is over.
            dumped = verdict.state != states.STARTING and self._dump_since(over) is not None
            shown = verdict.state == states.BLOCKED or dumped
            if not shown and 0 <= reading.wall - over < EVIDENCE_NS:
                return []
        missed = self.boot.is_waited_for() or any(one.deadline_ns and not one.mono_ns for one in reading.events)
        excused = final is not None and final.state == states.STOPPED and (final.released or not missed)
        known = partial(self._why_not_booted, verdict, reading)
        return self.boot.telemetry(final and final.why, reading.wall, known, excused=excused)

    def _why_not_booted(self, verdict: Verdict, reading: Reading, said: str) -> Details:
        halted = _late_loops(verdict, reading)
        found = self.causes(verdict, reading)
        attributes = {**cause_attributes(found), **stall_attributes(self._stalls(halted), self._source)}
        return Details(cause_words(found, said), attributes)

    def _episodes(self, verdict: Verdict, reading: Reading) -> list[Telemetry]:
        """What each promised event and each loop has of its own."""
        late = overdue(reading) if verdict.state not in states.ENDED else []
        halted = _late_loops(verdict, reading)
        held_up = verdict.state != states.SILENT and (not halted or len(halted) == len(reading.running()))
        if held_up:  # what holds up the whole process is reported; no event becomes overdue by itself
            late = [one for one in late if one.name in self._silences.names()]
        dumped = self.ring.dump.summary["end"] if self.ring.dump is not None else 0
        made = self._silences.telemetry(reading, late, partial(self._of_silence, reading), dumped)
        if halted or verdict.state != states.BLOCKED:
            made += self._blocked.telemetry(verdict, reading, halted, partial(self._of_loop, verdict, reading))
        return made

    def _dump(self, verdict: Verdict, reading: Reading) -> Dump | None:
        """The newest task dump, where it is evidence for the state."""
        if verdict.state != states.SILENT:
            return self.ring.dump
        return self._dump_since(min((one.since for one in overdue(reading)), default=reading.wall))

    def _dump_since(self, due: int) -> Dump | None:
        """The newest task dump; one of before an event was due is no evidence, but a deadlock stays one."""
        dump = self.ring.dump
        return dump if dump is not None and (dump.summary["rings"] or dump.summary["end"] >= due) else None

    def _stalls(self, late: Sequence[LoopSigns]) -> tuple[Stall, ...]:
        found = [
            stall
            for signs in late[:_LOOPS_SHOWN]
            for stall in self.ring.stalls(signs.wall_ns)
            if stall["loop"] == signs.slot
        ]
        return tuple(found)

    def _found(self, state: str, reading: Reading, dump: Dump | None, stalls: tuple[Stall, ...]) -> list[Cause]:
        error = reading.tombstone["error"] if reading.tombstone is not None else None
        losses, late = self.ring.losses, overdue(reading)
        return causes(
            Findings(
                state, dump, stalls, error, losses.deaths(), losses.complaints(), reading.wall, self.ring.populations,
                self.boot.outcome, asked(reading), min((one.since for one in late), default=0),
                self.ring.culprits.seen(reading.wall), self.busy(reading), self._evidence.holders,
                out_of_memory(reading) if state == states.DEAD else None, exiting(reading),
                tuple(one for one in losses.ended() if is_between(one["at"], late)),
            )
        )  # fmt: skip

    def _of_silence(self, reading: Reading, late: Overdue) -> Details | None:
        dump = self._dump_since(late.since)
        if dump is None:
            return None
        found = self._found(states.SILENT, reading, dump, ())
        return Details(cause_words(found, late.words), cause_attributes(found))

    def _of_loop(self, verdict: Verdict, reading: Reading, signs: LoopSigns) -> Details:
        stalls = self._stalls([signs])
        found = self._found(verdict.state, reading, self.ring.dump, stalls)
        attributes = {**cause_attributes(found), **stall_attributes(stalls, self._source)}
        return Details(cause_words(found, verdict.why), attributes)

    def _details(self, verdict: Verdict, reading: Reading) -> Details:
        """What is known of the state that the process comes into."""
        found = self.causes(verdict, reading)
        known = self._evidence.details(verdict.state) if verdict.state in (states.FROZEN, states.DEAD) else NO_DETAILS
        words = "; ".join(filter(None, (cause_words(found, verdict.why), known.words)))
        return Details(words, {**known.attributes, **cause_attributes(found)})

    def _report_dropped(self, wall: int) -> list[Telemetry]:
        lanes = (self._boot_lane, self._ring_lane)
        counted = {"ring": sum(lane.missed for lane in lanes), "invalid": sum(lane.invalid for lane in lanes)}
        made: list[Telemetry] = [
            Log(
                resource=self._key,
                # The same id when it is emitted again, even with a higher count.
                uid=f"{self._instance}-dropped-{reason}-{self.dropped[reason]}",
                event=semconv.LOG_RECORDS_DROPPED,
                time=wall,
                observed=wall,
                severity=SEVERITY_WARN,
                body=f"{count - self.dropped[reason]} record(s) dropped: {_DROPPED[reason]}",
                attributes={semconv.REASON: reason, semconv.DROPPED_COUNT: count - self.dropped[reason]},
            )
            for reason, count in counted.items()
            if count > self.dropped[reason]
        ]
        self.dropped = counted
        return made


def _late_loops(verdict: Verdict, reading: Reading) -> list[LoopSigns]:
    return late_loops(reading) if verdict.state == states.BLOCKED else []
