"""How long a process may be left alone: as long as another poll would find nothing that could not wait."""

from __future__ import annotations

from typing import NamedTuple

from lifesign.judge import states
from lifesign.judge.reading import Reading
from lifesign.wire import layout
from lifesign.wire.reader import Vitals

_CALM = frozenset((states.HEALTHY, states.IDLE))
_LASTING = frozenset((states.SILENT, states.DEGRADED))  # which end without a record, by an event
_SOON_NS = 1_000_000_000


class Quiet(NamedTuple):
    """Until when, in monotonic nanoseconds: in any case, and by its newest beats, so that further ones put it off."""

    until: int
    beaten_until: int


def quiet(reading: Reading, state: str, beat_every: float) -> Quiet | None:
    """How long it may be left alone, provided that it writes no record and does not end; None for not at all.

    Args:
        state: what was concluded from the reading.
        beat_every: seconds between two beats of its loops.
    """
    ending, now = reading.ending, reading.now
    if not reading.alive or reading.tombstone is not None or reading.watchdog is None:
        return None
    if state not in _CALM | _LASTING or ending.asked is not None or ending.ill is not None or ending.pod_ends:
        return None
    # Of its delays none is to be overwritten before it is read.
    limits = [now + int(beat_every * 1e9) * layout.DELAYS // 2]
    if state in _LASTING:
        limits.append(now + _SOON_NS)
    for event in reading.events:
        due = (event.mono_ns or event.stand_in_ns or reading.started) + event.deadline_ns
        if event.deadline_ns and due > now:
            limits.append(due)
    oldest = min(reading.watchdog.mono_ns, *(signs.mono_ns for signs in reading.running()), now)
    return Quiet(min(limits), _looked_at_closely(oldest, reading))


def beaten_until(reading: Reading, newest: Vitals, now: int) -> int:
    """See `Quiet`, by newer vital signs without events; 0 where something else than the beats has changed since."""
    watchdog, before = newest.watchdog, reading.watchdog
    loops = [signs for signs in newest.loops if signs is not None]
    if watchdog is None or before is None or reading.parked:
        return 0
    if (watchdog.boot_phase, watchdog.failing) != (before.boot_phase, before.failing):
        return 0
    if [signs[:2] for signs in loops] != [signs[:2] for signs in reading.loops]:  # state and generation
        return 0
    beats = [watchdog.mono_ns, *(signs.mono_ns for signs in loops if signs.state == layout.LOOP_RUNNING)]
    return 0 if max(beats) > now else _looked_at_closely(min(beats), reading)


def _looked_at_closely(beat: int, reading: Reading) -> int:
    """From when on it is, after its last beat: to tell a freeze from want of CPU time takes half of the timeout."""
    return beat + reading.timeout // 2
