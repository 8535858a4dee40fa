"""Dumps that nobody asked for write 64 KiB a minute at most, on average."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle, watchdog
from lifesign.agent.tasks import allowance
from lifesign.agent.tasks.allowance import Allowance
from support.waiting import eventually

KIB = 1024


def test_small_ones_do_not_wait() -> None:
    budget = Allowance()
    assert [budget.spend(5 * KIB, now) for now in range(0, 300, 5)] == [0.0] * 60  # 60 KiB a minute


def test_a_large_one_makes_the_next_one_wait_for_what_it_took_too_much() -> None:
    budget = Allowance()
    assert budget.spend(96 * KIB, 1000.0) == 30.0
    assert budget.spend(32 * KIB, 1030.0) == 30.0  # all of it is in use again
    assert budget.spend(0, 1060.0) == 0.0


@pytest.mark.parametrize("size", [1 * KIB, 40 * KIB, 200 * KIB])
def test_an_hour_of_them_is_no_more_than_an_hour_may_have(size: int) -> None:
    budget, now, written = Allowance(), 0.0, 0
    while now < 3600.0:
        written += size
        now += max(5.0, budget.spend(size, now))
    assert written <= 61 * 64 * KIB + size  # and what it may have at once


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    budget = Allowance()
    budget.spend(64 * KIB, 5000.0)
    assert budget.spend(32 * KIB, 10.0) == 30.0
    assert budget.spend(0, 40.0) == 0.0


@pytest.mark.parametrize(("at_once", "reasons"), [(1, ["deadlock", "call"]), (1 << 20, ["deadlock", "silent", "call"])])
def test_who_asks_does_not_wait(
    at_once: int, reasons: list[str], started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(allowance, "BYTES", at_once)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None
    for reason in ("deadlock", "silent", "call"):
        beats = pulse.reader.vitals().watchdog.beats
        agent.watchdog.dump(reason)
        eventually(lambda beats=beats: pulse.reader.vitals().watchdog.beats > beats + 2)
    eventually(lambda: [one["reason"] for one in pulse.ring("task_dump")] == reasons)
