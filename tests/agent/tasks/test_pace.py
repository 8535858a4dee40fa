"""A walk takes a small share of a core, unless it would not end in time."""

from __future__ import annotations

import time

import pytest

from lifesign.agent import identity
from lifesign.agent.tasks import pace
from lifesign.agent.tasks.pace import Pace


class Clock:
    """Time that passes when somebody works or sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.used = 0.0
        self.slept: list[float] = []

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.used += seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(time, "thread_time", lambda: clock.used)
    monkeypatch.setattr(pace, "sleep", clock.sleep)
    return clock


def walk(clock: Clock, steps: int, seconds_a_step: float) -> list[float]:
    beats: list[float] = []
    walking = Pace(lambda: beats.append(clock.now), steps)
    for _ in range(steps):
        clock.work(seconds_a_step)
        walking.step()
    return beats


def test_a_short_walk_takes_eight_per_cent_of_a_core(clock: Clock) -> None:
    walk(clock, 10_000, 5e-6)
    assert 0.07 < clock.used / (clock.now - 1000) < 0.1


def test_a_long_walk_ends_in_time_all_the_same(clock: Clock) -> None:
    walk(clock, 100_000, 10e-6)
    assert clock.now - 1000 < 5.0
    assert max(clock.slept) <= pace.PAUSE_MAX


def test_between_two_pauses_there_is_little_work(clock: Clock) -> None:
    walk(clock, 10_000, 5e-6)
    # 0.5 ms, and what the 16 steps add after which it is looked at.
    assert clock.used / len(clock.slept) < 0.0005 + 16 * 5e-6 + 1e-9


def test_the_watchdog_beats_meanwhile_but_not_at_every_pause(clock: Clock) -> None:
    beats = walk(clock, 50_000, 10e-6)
    assert all(later - earlier < 0.2 for earlier, later in zip(beats, beats[1:]))
    assert len(beats) < len(clock.slept)


def test_ids_are_ids_and_a_forked_child_has_its_own() -> None:
    state = identity._ids.getstate()
    ours = [identity.new_trace_id(), identity.new_span_id(), identity._new_uuid()]
    identity._ids.setstate(state)
    identity.reseed()
    theirs = [identity.new_trace_id(), identity.new_span_id(), identity._new_uuid()]
    assert not set(ours) & set(theirs)
    assert [len(one) for one in ours] == [32, 16, 36]
    assert ours[2][14] == "4"
    assert ours[2][19] in "89ab"
