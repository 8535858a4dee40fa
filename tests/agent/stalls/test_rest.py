"""Loops rest that have had next to nothing to do for a while, and have not stalled for longer."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.slots import Beating, LoopSlots
from lifesign.agent.stalls import rest
from lifesign.agent.stalls.rest import Rest

MS, SECOND, MINUTE = 1_000_000, 1_000_000_000, 60_000_000_000
IDLE = 2 * MS  # of processor time a second, as ten beats take


class Service:
    """One event loop, which beats a moment before it is looked at, once a second."""

    def __init__(self) -> None:
        self.slots = LoopSlots()
        self.rest = Rest(self.slots, interval=0.1, timeout=3.0)
        self.now = time.monotonic_ns()
        self.cpu = 0
        self.loop: Callable[[], None] = lambda: None
        self.late = 0

    def look(self) -> bool:
        beat = self.now - 50 * MS - self.late
        self.slots.beating[0] = Beating(None, 1, 1, beat, 0, self.loop, self.cpu)  # type: ignore[arg-type]
        self.rest.look(self.now)
        return self.rest.on

    def live(self, length: int, works: int = IDLE) -> set[bool]:
        """Lives for so long, working so much a second; returns whether it was found at rest in that time."""
        found = set()
        for _ in range(length // SECOND):
            self.now += SECOND
            self.cpu += works
            found.add(self.look())
        return found


@pytest.fixture
def service() -> Service:
    made = Service()
    made.look()
    return made


def at_rest(service: Service) -> Service:
    service.live(3 * MINUTE)
    assert service.rest.on
    return service


def test_it_rests_after_two_minutes_with_next_to_nothing_to_do(service: Service) -> None:
    assert service.live(2 * MINUTE - SECOND) == {False}
    service.live(2 * SECOND)
    assert service.live(5 * MINUTE) == {True}


def test_a_probe_now_and_then_is_no_work_and_a_request_that_takes_long_is(service: Service) -> None:
    at_rest(service)
    for _ in range(30):
        service.cpu += 20 * MS
        assert service.live(10 * SECOND) == {True}
    service.cpu += 300 * MS
    assert service.live(2 * MINUTE) == {False}
    assert at_rest(service)


def test_it_does_not_rest_while_it_works_a_little_all_the_time(service: Service) -> None:
    assert service.live(10 * MINUTE, works=15 * MS) == {False}


def test_it_is_awake_for_ten_minutes_after_a_stall(service: Service) -> None:
    service.rest.stalled(service.now, seen=False)  # it was not at rest: that is no reason to be awake for longer
    assert service.live(10 * MINUTE - SECOND) == {False}
    assert service.live(SECOND) == {True}
    service.rest.stalled(service.now, seen=True)
    assert not service.rest.on
    assert service.live(10 * MINUTE - SECOND) == {False}
    assert service.live(SECOND) == {True}


def test_it_is_awake_for_longer_each_time_that_nobody_saw_who_it_was(service: Service) -> None:
    at_rest(service)
    for minutes in (40, 160, 640, 2560, 2880, 2880):
        service.rest.stalled(service.now, seen=False)
        service.now += (minutes - 1) * MINUTE
        assert service.live(MINUTE - SECOND) == {False}
        assert service.live(SECOND) == {True}


def test_a_loop_that_is_late_does_not_rest(service: Service) -> None:
    at_rest(service)
    service.late = 160 * MS  # and so its beat is as old as two beats and more
    assert service.live(SECOND) == {False}
    service.late = 0
    assert service.live(SECOND) == {True}


def test_another_loop_has_to_show_first_that_it_rests(service: Service) -> None:
    at_rest(service)
    service.loop = lambda: None
    assert service.live(2 * MINUTE - SECOND) == {False}
    at_rest(service)
    service.slots.beating[0] = None
    service.rest.look(service.now)
    assert not service.rest.on


def test_a_stall_at_rest_is_counted_and_the_next_one_has_its_culprit(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "CALM", 0)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_STALL_THRESHOLD="0.04")
    agent = lifecycle.running()
    assert agent is not None
    thread = agent.watchdog.thread

    def waits() -> None:
        time.sleep(0.06)

    def found() -> list[Any]:
        return [one for one in pulse.ring("stall_culprit") if one["place"]]

    async def main() -> int:
        while thread.interval != pytest.approx(0.1):  # twice the time between two beats of one that has something to do
            await asyncio.sleep(0.01)
        times = 0
        while not found() and times < 100:
            waits()
            times += 1
            await asyncio.sleep(0.03)
        return times

    times = asyncio.run(main())
    lifecycle.stop()
    assert [one["place"]["function"].rpartition(".")[2] for one in found()][:1] == ["waits"]
    newest = pulse.ring("stall_totals")[-1]
    counted = newest["others"] + sum(one["count"] for one in newest["culprits"])
    lasted = newest["others_total"] + sum(one["total"] for one in newest["culprits"])
    assert counted >= times
    assert lasted >= times * 40 * MS
