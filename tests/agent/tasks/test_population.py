"""How many tasks there are, without a look at each of them at every beat."""

from __future__ import annotations

import asyncio
import gc
import sys
import time

import pytest

from lifesign.agent.tasks import population
from lifesign.agent.tasks.population import Population, TaskCount

KNOWN = sys.version_info < (3, 14)


@pytest.fixture(autouse=True)
def no_tasks_of_other_tests() -> None:
    gc.collect()


def fresh() -> Population:
    loop = asyncio.get_running_loop()
    return Population(lambda: [loop])


async def test_it_is_not_counted_oftener_than_it_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(population.time, "monotonic", lambda: clock)
    counted = fresh()
    before = counted.count()
    monkeypatch.setattr(Population, "_counted", lambda self: TaskCount(99, 0))
    counted._next_count = clock + 1
    assert counted.count() == before
    clock += 2
    assert counted.count() == TaskCount(99, 0)


@pytest.mark.skipif(not KNOWN, reason="from 3.14 on asyncio forgets finished tasks")
@pytest.mark.parametrize("kept", [10, 3000])
async def test_finished_tasks_that_are_kept_are_no_tasks_at_work(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "_LOOKED_AT", 500)
    before = fresh().count()
    tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(kept)]
    waiting = [asyncio.create_task(asyncio.sleep(60)) for _ in range(kept // 2)]
    await asyncio.gather(*tasks)
    count = fresh().count()
    for task in waiting:
        task.cancel()
    # Of more than some hundred a sample is looked at; the order of a set is no order.
    within = 0 if kept < 500 else kept // 5
    assert abs(count.finished - before.finished - kept) <= within
    assert abs(count.unfinished - before.unfinished - kept // 2) <= within
    assert sum(count) - sum(before) in range(kept + kept // 2 - 1, kept + kept // 2 + 2)
    await asyncio.wait(waiting)


async def test_as_from_3_14_on_each_loop_is_asked_for_its_tasks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(population, "_KNOWN_BY_LOOP", True)
    waiting = asyncio.create_task(asyncio.sleep(60))
    known = fresh()
    assert set(known.each()) == asyncio.all_tasks()
    assert known.count() == TaskCount(len(asyncio.all_tasks()), 0)
    assert known.ended() is None
    monkeypatch.setattr(population, "_LOOKED_AT", 0)
    known._next_count = 0.0
    known.count()
    assert known._next_count >= time.monotonic() + population._DRAW_SECONDS / 2  # each count lists them all

    def refuses(_: object) -> None:
        raise RuntimeError("a task of the user's")

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "all_tasks", refuses)
        assert list(known.each()) == []
    waiting.cancel()


@pytest.mark.skipif(not KNOWN, reason="from 3.14 on asyncio forgets finished tasks")
async def test_for_a_while_the_share_of_those_that_have_ended_is_taken_to_be_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(population, "_FEW", 0)
    counted = fresh()
    tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(10)]
    await asyncio.gather(*tasks)
    assert counted.count().finished >= 10
    monkeypatch.setattr(Population, "_finished_share", lambda _: 0.0)
    counted._next_count = 0.0
    assert counted.count().finished >= 10
    counted._next_count = counted._next_share = 0.0
    assert counted.count().finished == 0


@pytest.mark.skipif(not KNOWN, reason="from 3.14 on asyncio forgets finished tasks")
async def test_of_very_many_tasks_a_walk_says_how_many_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "_LOOKED_AT", 5)
    monkeypatch.setattr(population, "_FEW", 0)
    tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(10)]
    await asyncio.gather(*tasks)
    counted = fresh()
    assert counted.count().finished >= 10
    monkeypatch.setattr(Population, "_finished_share", lambda _: 0.0)
    counted._next_share = 0.0
    found = [task for some in counted.walk() for task in some]
    counted.saw(0, len(found))
    counted._next_count = 0.0
    assert counted.count().finished >= 10


async def test_the_fewest_that_were_counted_are_known_until_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = fresh()
    assert counted.take_fewest() is None
    for unfinished in (9, 4, 7):
        monkeypatch.setattr(Population, "_counted", lambda _, now=unfinished: TaskCount(now, 1))
        counted._next_count = 0.0
        counted.count()
    assert (counted.take_fewest(), counted.take_fewest()) == (5, None)
