"""A walk takes a small share of a core, unless it would not end in time."""

from __future__ import annotations

import time
from collections import deque
from types import SimpleNamespace
from typing import Any

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
    monkeypatch.setattr(pace, "_COLLECTS", False)
    return clock


def walk(clock: Clock, steps: int, seconds_a_step: float) -> list[float]:
    beats: list[float] = []
    walking = Pace(lambda: beats.append(clock.now), steps)
    for _ in range(steps):
        clock.work(seconds_a_step)
        walking.step()
    return beats


def test_a_short_walk_takes_seven_per_cent_of_a_core(clock: Clock) -> None:
    walk(clock, 10_000, 5e-6)
    assert 0.06 < clock.used / (clock.now - 1000) < 0.08


def test_a_few_tasks_are_read_without_a_pause(clock: Clock) -> None:
    walk(clock, 20, 20e-6)
    assert clock.slept == []


def test_a_long_walk_ends_in_time_all_the_same(clock: Clock) -> None:
    walk(clock, 100_000, 10e-6)
    assert clock.now - 1000 < 9.5
    assert max(clock.slept) <= pace.PAUSE_MAX


def test_between_two_pauses_there_is_little_work(clock: Clock) -> None:
    walk(clock, 10_000, 5e-6)
    # 1.6 ms, and what the 4 steps add after which it is looked at.
    assert clock.used / len(clock.slept) < 0.0016 + 4 * 5e-6 + 1e-9


def test_more_tasks_than_were_counted_are_no_reason_to_hurry(clock: Clock) -> None:
    walking = Pace(lambda: None, 0)
    for _ in range(50_000):
        clock.work(5e-6)
        walking.step()
    assert clock.used / (clock.now - 1000) < 0.1


def test_what_others_do_meanwhile_is_no_work(clock: Clock) -> None:
    walking = Pace(lambda: None, 1000)
    for _ in range(1000):
        clock.now += 0.01  # somebody else has the GIL
        walking.step()
    assert clock.slept == []


def test_around_what_cannot_be_divided_there_is_a_pause_even_if_it_is_late(clock: Clock) -> None:
    walking = Pace(lambda: None, 1_000_000)
    clock.work(0.003)
    walking.rest()
    assert clock.slept[0] == pace.PAUSE_MAX
    clock.work(0.0001)
    walking.look()
    assert len(clock.slept) == 2  # for the beat, which took no time


def test_a_long_beat_is_followed_by_a_pause_of_its_own(clock: Clock) -> None:
    walking = Pace(lambda: clock.work(0.002), 10_000)
    clock.work(0.001)
    walking.rest()
    assert clock.slept[1] == pace.PAUSE_MAX


@pytest.mark.parametrize(("survived", "enabled", "collected"), [(2, True, [1]), (1, True, []), (2, False, [])], ids=str)
def test_what_has_survived_is_collected_before_it_is_much_unless_the_program_wants_nothing_collected(
    survived: int, enabled: bool, collected: list[int], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    collector = SimpleNamespace(get_count=lambda: (0, survived, 0), isenabled=lambda: enabled, collect=done.append)
    monkeypatch.setattr(pace, "_COLLECTS", True)
    monkeypatch.setattr(pace, "gc", collector)
    Pace(lambda: None, 10_000).rest()
    assert done == collected
    done.clear()
    Pace(lambda: None, 10_000).collect()  # a large list was made, however few things have survived
    assert done == [1] * enabled
    Pace(lambda: None, 100).collect()
    assert done == [1] * enabled


@pytest.mark.parametrize("many", [dict.fromkeys(range(1000)), list(range(1000)), set(range(1000)), deque(range(1000))])
def test_a_large_container_is_emptied_bit_by_bit(many: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    walking = Pace(lambda: None, 1000)
    steps: list[int] = []
    monkeypatch.setattr(walking, "step", lambda: steps.append(len(many)))
    walking.empty(many)
    assert steps == list(range(1000, 0, -1))


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
