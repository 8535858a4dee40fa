"""How long a process may be left alone: as long as another poll would find nothing that could not wait."""

from __future__ import annotations

from lifesign.judge import states
from lifesign.judge.reading import Reading
from lifesign.wire import layout

_CALM = frozenset((states.HEALTHY, states.IDLE, states.SILENT, states.DEGRADED))


def quiet_until(reading: Reading, state: str, beat_every: float) -> int:
    """Until when, in monotonic nanoseconds, provided that it writes no record and does not end; 0 for not at all.

    Args:
        state: what was concluded from the reading.
        beat_every: seconds between two beats of its loops.
    """
    ending, now = reading.ending, reading.now
    if not reading.alive or state not in _CALM or reading.tombstone is not None or reading.watchdog is None:
        return 0
    if ending.asked is not None or ending.ill is not None or ending.pod_ends:
        return 0
    oldest = min(reading.watchdog.mono_ns, *(signs.mono_ns for signs in reading.running()), now)
    # From half of the timeout on it is looked at closely: to tell a freeze from want of CPU time takes the other half.
    limits = [oldest + reading.timeout // 2]
    # Of its delays none is to be overwritten before it is read.
    limits.append(now + int(beat_every * 1e9) * layout.DELAYS // 2)
    for event in reading.events:
        due = (event.mono_ns or event.stand_in_ns or reading.started) + event.deadline_ns
        if event.deadline_ns and due > now:
            limits.append(due)
    return min(limits)
