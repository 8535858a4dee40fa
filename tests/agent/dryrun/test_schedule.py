"""The schedule of a dry run: no drift, a bounded past. Time is a number here."""

from __future__ import annotations

import pytest

from lifesign.agent.dryrun.schedule import Schedule


@pytest.mark.parametrize(("rate", "seconds"), [(0.1, 1000.0), (3.0, 100.0), (50.0, 10.0), (20_000.0, 2.0)])
def test_it_holds_its_rate_from_slow_to_fast(rate: float, seconds: float) -> None:
    start = now = 1_000_000.0
    schedule, made = Schedule(rate, start), 0
    while now < start + seconds:
        ahead = schedule.ahead(now)
        if ahead > 0:
            now += ahead + 0.0011  # a timer fires late, every time
        else:
            schedule.take(1)
            made += 1
    assert schedule.skipped == 0
    assert abs(made - rate * seconds) <= max(1, rate * 0.0011)


def test_a_burst_is_at_once_and_the_rate_holds_over_it() -> None:
    schedule = Schedule(10.0, 0.0)
    assert schedule.ahead(0.0) == 0
    schedule.take(5)
    assert schedule.ahead(0.0) == pytest.approx(0.5)
    assert schedule.lag(0.7) == pytest.approx(0.2)
    assert schedule.lag(0.3) == 0


def test_what_is_too_late_to_catch_up_with_is_skipped_and_counted() -> None:
    schedule = Schedule(100.0, 0.0)
    schedule.take(1)
    assert schedule.ahead(3.01) == pytest.approx(-1.0)  # 3 s late: one second is made up
    assert schedule.skipped == 200
    assert schedule.lag(3.01) == pytest.approx(1.0)
    schedule.take(100)
    assert schedule.ahead(3.01) == pytest.approx(0.0)
    assert schedule.skipped == 200


def test_a_slow_rate_makes_up_for_its_last_event() -> None:
    schedule = Schedule(0.1, 0.0)
    schedule.take(1)
    assert schedule.ahead(45.0) <= 0  # those due at 10 and 20 are skipped, the one at 30 is made
    assert schedule.skipped == 2
    schedule.take(1)
    assert schedule.ahead(45.0) == pytest.approx(-5.0)


def test_a_pause_is_not_caught_up_with() -> None:
    schedule = Schedule(100.0, 0.0)
    schedule.take(10)
    schedule.restart(60.0)
    assert (schedule.ahead(60.0), schedule.skipped) == (0.0, 0)
