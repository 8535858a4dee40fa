"""Tasks that have run for most of the time and have left, and those of which nothing is noted."""

from __future__ import annotations

import asyncio

import pytest

from lifesign.agent.complaints import leavers
from lifesign.agent.complaints.leavers import Leavers
from lifesign.agent.tasks.population import Population
from support.noted import Noted
from support.rows import rows


class Clock:
    """The clock of the module under test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = self.cost = 0

    def monotonic(self) -> float:
        return self.now

    def thread_time_ns(self) -> int:
        self.used += self.cost
        return self.used

    def time_ns(self) -> int:
        return round(self.now * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leavers, "time", made)
    return made


async def consume(over: asyncio.Event) -> None:
    await over.wait()


async def fails(over: asyncio.Event) -> None:
    await over.wait()
    raise ValueError("no price")


class Watched:
    """Leavers of this loop, that look once for each step of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.noted = Noted()
        self.clock = clock
        self.leavers = Leavers(Population(lambda: [asyncio.get_running_loop()]), self.noted)

    def look(self, later: float) -> list[tuple[str, str]]:
        self.clock.now += later
        self.leavers.look()
        return [(record["function"], record["outcome"]) for record in self.noted.records]


@pytest.mark.parametrize(("cancels", "outcome"), [(False, "returned"), (True, "was cancelled")])
async def test_the_only_task_of_a_function(clock: Clock, cancels: bool, outcome: str) -> None:
    over, watched = asyncio.Event(), Watched(clock)
    task = asyncio.ensure_future(consume(over))
    assert watched.look(1.0) == []
    assert watched.look(9.0) == []
    task.cancel() if cancels else over.set()
    await asyncio.wait([task])
    assert watched.look(1.0) == [("consume", outcome)]
    assert (watched.noted.records[0]["lived"], watched.noted.records[0]["at"]) == (10.0, 111_000_000_000)
    assert len(watched.look(1.0)) == 1


async def test_one_that_nobody_refers_to_any_more(clock: Clock) -> None:
    over, watched = asyncio.Event(), Watched(clock)
    task = asyncio.ensure_future(consume(over))
    watched.look(1.0)
    over.set()
    await task
    del task
    await asyncio.sleep(0)  # whatever awaits it has let it go by then
    assert watched.look(9.0) == [("consume", "ended")]


@rows(("before", "lived"), [(0.0, 4.0), (20.0, 8.0)])
async def test_one_that_did_not_run_for_most_of_the_time(clock: Clock, before: float, lived: float) -> None:
    over, watched = asyncio.Event(), Watched(clock)
    watched.look(1.0)
    clock.now += before
    task = asyncio.ensure_future(consume(over))
    watched.look(0.0)
    over.set()
    await task
    assert watched.look(lived) == []


async def test_one_of_several_and_one_that_died(clock: Clock) -> None:
    over, watched = asyncio.Event(), Watched(clock)
    tasks = [asyncio.ensure_future(one) for one in (consume(over), consume(over), fails(over))]
    watched.look(1.0)
    over.set()
    await asyncio.wait(tasks)
    assert watched.look(60.0) == []
    assert all(str(task.exception() or "no price") == "no price" for task in tasks)


async def test_a_crowd_is_not_looked_at(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leavers, "TASKS_MAX", 0)
    over, watched = asyncio.Event(), Watched(clock)
    task = asyncio.ensure_future(consume(over))
    watched.look(1.0)
    over.set()
    await task
    assert watched.look(60.0) == []


async def test_one_that_had_ended_before_it_was_looked_for(clock: Clock) -> None:
    watched = Watched(clock)
    task = asyncio.ensure_future(consume(over := asyncio.Event()))
    over.set()
    await task
    watched.look(1.0)
    assert watched.look(60.0) == []


async def test_where_it_is_dear_it_is_done_seldom(clock: Clock) -> None:
    over, watched = asyncio.Event(), Watched(clock)
    task = asyncio.ensure_future(consume(over))
    clock.cost = 20_000_000
    for _ in range(8):  # until it is known to be dear
        watched.look(30.0)
    over.set()
    await task
    assert watched.look(19.0) == []  # a thousandth of the time
    assert len(watched.look(2.0)) == 1
