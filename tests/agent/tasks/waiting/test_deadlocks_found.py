"""Deadlocks of real tasks, and what only looks like one; for how long tasks wait."""

from __future__ import annotations

import asyncio

import pytest

from lifesign.agent.tasks import dump as dump_module
from lifesign.agent.tasks import groups, survey
from lifesign.agent.tasks.dump import Tasks
from support.made.surveys import Desk, Records, dumped, running

LOCKS: dict[str, asyncio.Lock] = {}


async def transfer(first: str, second: str) -> None:
    async with LOCKS[first]:
        await asyncio.sleep(0)
        async with LOCKS[second]:
            await asyncio.sleep(60)


async def test_two_locks_in_two_orders_are_a_deadlock_and_who_queues_behind_is_not_in_it() -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    async with running(transfer("a", "b"), transfer("b", "a"), transfer("a", "b"), transfer("a", "b")):
        dump = await dumped()
    (ring,) = dump.summary["rings"]
    assert len(ring) == 2
    assert {step["at"]["line"] for step in ring} == {transfer.__code__.co_firstlineno + 3}
    assert {step["primitive"] for step in ring} == {0, 1}
    assert [len(cycle) for cycle in dump.summary["cycles"]] == [2]
    assert {one["name"] for one in dump.primitives if one["index"] in (0, 1)} == {"LOCKS[...]"}


@pytest.mark.parametrize("looks", [2000, 0], ids=["read", "none read any more"])
async def test_who_holds_one_lock_and_waits_for_another_is_found_among_very_many_who_queue_behind(
    looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "LOOKS_MAX", looks)
    monkeypatch.setattr(survey, "STACKS_MAX", 30)
    monkeypatch.setattr(survey, "STACKS_EACH", 2)
    monkeypatch.setattr(groups, "EACH_MAX", 1)
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    behind = [transfer("a", "b") for _ in range(20)]
    others = [transfer("b", "a") for _ in range(20)]
    async with running(*behind[:1], *others, *behind[1:]):
        dump = await dumped()
    (ring,) = dump.summary["rings"]
    assert len(ring) == 2


async def test_two_locks_in_one_order_are_none() -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    async with running(transfer("a", "b"), transfer("a", "b"), transfer("a", "b")):
        dump = await dumped()
    assert dump.summary["rings"] == []


@pytest.mark.parametrize("around", ["wait_for", "timeout"])
async def test_a_deadlock_that_a_timeout_will_end_is_none(around: str) -> None:
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())

    async def in_time() -> None:
        if around == "wait_for":
            await asyncio.wait_for(transfer("b", "a"), 60)
        else:
            async with asyncio.timeout(60):
                await transfer("b", "a")

    async with running(transfer("a", "b"), in_time()):
        dump = await dumped()
    assert dump.summary["rings"] == []


async def test_a_nested_acquire_uses_a_semaphore_up() -> None:
    seats = asyncio.BoundedSemaphore(2)

    async def nested() -> None:
        async with seats:
            await asyncio.sleep(0)
            async with seats:
                pass

    async with running(nested(), nested(), nested()):
        dump = await dumped()
    (ring,) = dump.summary["rings"]
    assert len(ring) in (1, 2)
    assert all(step["primitive"] is not None for step in ring)


async def test_for_how_long_a_task_has_been_in_its_wait() -> None:
    desk, loop = Desk(), asyncio.get_running_loop()
    tasks = Tasks(lambda: [loop])

    async def dump() -> Records:
        records = Records()
        await asyncio.to_thread(tasks.dump, records, "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
        return records

    async def moves() -> None:
        while True:
            await asyncio.sleep(0.001)

    async with running(desk.hear(), moves()):
        await asyncio.sleep(0)
        first = await dump()
        await asyncio.sleep(0.05)
        second = await dump()
    assert first.group("hear")["waited_most"] == 0
    assert second.group("hear")["waited_most"] >= 0.05
    assert second.group("hear")["waited_most"] == second.group("hear")["waited_least"]
    assert second.group("moves")["waited_most"] == 0  # another wait each time


async def test_a_deadlock_is_searched_for_without_being_asked_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(dump_module, "SEARCH_PRICE", 0)
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    loop = asyncio.get_running_loop()
    tasks = Tasks(lambda: [loop])

    async def searched() -> str:
        return await asyncio.to_thread(tasks.search, lambda: None)

    assert not await searched()
    async with running(transfer("a", "b"), transfer("b", "a")):
        for _ in range(3):
            await asyncio.sleep(0)
        assert await searched() == "deadlock"
        assert not await searched()
    assert await searched() == "deadlock"  # it is over, and that is news too
    assert not await searched()


async def test_there_is_no_search_in_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(dump_module, "SEARCH_TASKS_MAX", 3)
    LOCKS.update(a=asyncio.Lock(), b=asyncio.Lock())
    loop = asyncio.get_running_loop()
    async with running(transfer("a", "b"), transfer("b", "a"), Desk().hear(), Desk().hear()):
        for _ in range(3):
            await asyncio.sleep(0)
        assert not await asyncio.to_thread(Tasks(lambda: [loop]).search, lambda: None)
