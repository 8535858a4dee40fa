"""From vital signs to a snapshot, the source of metrics, page, health endpoints and `status`."""

from __future__ import annotations

from typing import Iterable, Sequence

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.causes.findings import Cause
from lifesign.judge.causes.stalls import conditions
from lifesign.judge.overdue import event_age
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict
from lifesign.watch.emit.boot import BootView
from lifesign.watch.emit.causes import cause_reading
from lifesign.watch.emit.ring import RingView
from lifesign.watch.emit.stalls.culprits import busy_reading
from lifesign.watch.telemetry import EventReading, Resource, Snapshot, UsageReading
from lifesign.wire import layout
from lifesign.wire.reader import EventCount, Vitals
from lifesign.wire.records import Identity
from lifesign.wire.stalls import BusyLoop

_DELAY_MAX_NS = 10**15
_COUNT_MAX = (1 << 63) - 1  # of what OTLP can carry


class Delays:
    """The event loop delays that have not been seen yet, from the delay rings."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}  # beats, by slot

    def new(self, vitals: Vitals) -> tuple[float, ...]:
        """Seconds, one value per beat, of all loops; at most what the rings hold."""
        found: list[float] = []
        for slot, signs in enumerate(vitals.loops):
            if signs is None:
                continue
            ring = vitals.delays[slot]
            first = max(self._seen.get(slot, 0), signs.beats - layout.DELAYS)
            found += (min(ring[beat % layout.DELAYS], _DELAY_MAX_NS) / 1e9 for beat in range(first, signs.beats))
            self._seen[slot] = signs.beats
        return tuple(found)


def snapshot(
    key: str,
    identity: Identity,
    resource: Resource,
    verdict: Verdict,
    reading: Reading,
    boot: BootView,
    ring: RingView,
    dropped: dict[str, int],
    new_delays: tuple[float, ...],
    causes: Sequence[Cause] = (),
    busy: Iterable[BusyLoop] = (),
    times: tuple[float, float] | None = None,
    usage: UsageReading | None = None,
) -> Snapshot:
    """One process at the moment of `reading`."""
    running = reading.running()
    # The oldest of the newest beats: one blocked loop among several is what counts.
    last_beat = min((signs.mono_ns for signs in running or reading.loops), default=identity["started_mono_ns"])
    until = reading.now if reading.alive else reading.last_sign() or reading.now
    return Snapshot(
        key=key,
        pid=identity["pid"],
        command=identity["command"],
        service=str(resource.attributes[semconv.SERVICE_NAME]),
        instance=str(resource.attributes[semconv.SERVICE_INSTANCE_ID]),
        state=verdict.state,
        why=verdict.why,
        alive=reading.alive and verdict.state not in states.ENDED,
        # A dead process still owes its beats, that is the alarm; one that stopped or runs no loop does not.
        expected=verdict.state not in (states.STOPPED, states.IDLE) and not verdict.released,
        uptime=max(0, until - identity["started_mono_ns"]) / 1e9,
        beats=min(sum(signs.beats for signs in reading.loops), _COUNT_MAX),
        beat_age=max(0, reading.now - last_beat) / 1e9,
        heartbeat_timeout=reading.timeout / 1e9,
        tasks=reading.watchdog.tasks if reading.watchdog else 0,
        loops=len(running),
        unwatched_loops=reading.watchdog.unwatched if reading.watchdog else 0,
        events=_events(reading),
        postconditions=tuple(ring.postconditions.values()),
        checkpoints=boot.checkpoints(),
        boot=boot.outcome,
        boot_duration=boot.duration,
        dropped=dropped,
        boot_diagnostic=boot.diagnostic,
        boot_missing=boot.missing(),
        boot_trace=boot.trace,
        failing=reading.watchdog.failing if reading.watchdog else 0,
        new_delays=new_delays,
        synthetic_postconditions=tuple(ring.synthetic_postconditions.values()),
        dry_run=ring.dry_run,
        causes=tuple(map(cause_reading, causes)),
        conditions=conditions(cause.word for cause in causes),
        stalls=ring.culprits.rows(),
        busy=tuple(map(busy_reading, busy)),
        utilization=_utilization(verdict, reading),
        active=times[0] if times else None,
        idle=times[1] if times else None,
        usage=usage,
        dump=ring.dump,
    )


def _utilization(verdict: Verdict, reading: Reading) -> float | None:
    """Of the busiest loop; one that is blocked does nothing else, and of a frozen process it is not known."""
    if verdict.state == states.FROZEN or verdict.state in states.ENDED or not reading.utilization:
        return None
    return 1.0 if verdict.state == states.BLOCKED else max(reading.utilization.values())


def _events(reading: Reading) -> tuple[EventReading, ...]:
    by_name: dict[str, EventCount] = {}
    for event in reading.events:
        same = by_name.get(event.name)  # names are cut at 64 bytes, so two may have become one
        if same is not None:
            event = EventCount(
                event.name,
                min(event.real + same.real, _COUNT_MAX),
                min(event.synthetic + same.synthetic, _COUNT_MAX),
                max(event.mono_ns, same.mono_ns),
                max(event.wall_ns, same.wall_ns),
                event.deadline_ns or same.deadline_ns,
                max(event.stand_in_ns, same.stand_in_ns),
            )
        by_name[event.name] = event
    return tuple(
        EventReading(
            name=event.name,
            count=event.real,
            synthetic=event.synthetic,
            age=event_age(event, reading.started, reading.now) / 1e9,
            deadline=event.deadline_ns / 1e9 if event.deadline_ns else None,
            stand_in=event.stand_in_ns > 0 and not event.mono_ns,
        )
        for event in by_name.values()
    )
