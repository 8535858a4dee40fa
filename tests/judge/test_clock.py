"""A process whose clock was moved: when its vital signs came is known by when they were seen."""

from __future__ import annotations

from lifesign.judge.clock import Clock
from lifesign.wire.reader import EventCount, Vitals, WatchdogSigns

S = 1_000_000_000


def vitals(beats: int, mono: int, event_at: int) -> Vitals:
    watchdog = WatchdogSigns(beats, 0, mono, 0, 0, 0, 0, 0)
    return Vitals(watchdog, (None,), (EventCount("order", beats, 0, event_at, 0, 0, 0),), ())


def test_times_of_our_own_clock_stay_as_they_are() -> None:
    clock = Clock(started=1 * S)
    read = vitals(3, 90 * S, 80 * S)
    assert clock.ours(read, 100 * S) == read
    assert clock.started == 1 * S


def test_times_that_are_yet_to_come_are_when_they_were_seen() -> None:
    clock = Clock(started=5000 * S)  # a day ahead of ours
    clock.ours(vitals(1, 5010 * S, 5009 * S), 100 * S)
    assert clock.started <= 100 * S
    seen = clock.ours(vitals(2, 5011 * S, 5011 * S), 101 * S)
    assert seen.watchdog is not None
    assert 100 * S <= seen.watchdog.mono_ns <= 101 * S
    assert 100 * S <= seen.events[0].mono_ns <= 101 * S
