"""What a task dump knows besides the stacks: who waits for whom, where tasks come from, how they ended."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.tasks import creation
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.tasks.finished import Finished, outcome_of
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}


@pytest.fixture(autouse=True)
def nothing_finished_yet() -> None:
    creation.finished.clear()


async def work(event: asyncio.Event) -> int:
    await event.wait()
    return 7


async def parent(*children: Any) -> None:
    await asyncio.gather(*children)


async def dumped(pulse: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The newest summary, and its groups by their outermost function."""
    before = len(pulse.ring("task_dump"))
    lifesign.dump_tasks()
    await asyncio.to_thread(eventually, lambda: len(pulse.ring("task_dump")) > before)
    summary = pulse.ring("task_dump")[-1]
    groups = [group for group in pulse.ring("task_group") if group["dump"] == summary["id"]]
    return summary, {group["stack"][0]["function"].rpartition(".")[2]: group for group in groups}


async def test_a_group_says_for_which_groups_its_tasks_wait(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    event = asyncio.Event()
    workers = [asyncio.create_task(work(event)) for _ in range(6)]
    parents = [asyncio.create_task(parent(*workers[:4])), asyncio.create_task(parent(*workers[4:]))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    _, groups = await dumped(pulse)
    event.set()
    await asyncio.gather(*parents)
    assert groups["parent"]["awaits"] == [{"group": groups["work"]["index"], "count": 6}]
    assert groups["parent"]["waits_for"] == "gather"
    assert groups["work"]["awaits"] == []
    assert groups["work"]["states"] == {"waiting": 6}


async def test_a_task_that_has_not_had_its_turn_is_ready_and_the_one_that_has_it_running(
    started: Callable[..., Any],
) -> None:
    pulse = started(**FAST)
    event = asyncio.Event()
    task = asyncio.create_task(work(event))
    lifesign.dump_tasks()
    eventually(lambda: pulse.ring("task_dump"))  # the loop stands still meanwhile, in this very task
    event.set()
    await task
    states = {group["stack"][0]["function"].rpartition(".")[2]: group["states"] for group in pulse.ring("task_group")}
    assert states["work"] == {"ready": 1}
    assert states["test_a_task_that_has_not_had_its_turn_is_ready_and_the_one_that_has_it_running"] == {"running": 1}


def test_tasks_that_wait_for_each_other_in_a_ring_are_named(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    ring: dict[str, Any] = {}

    async def wait_for(other: str) -> None:
        await ring[other]

    async def main() -> dict[str, Any]:
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"), ("outside", "a")):
            ring[name] = asyncio.create_task(wait_for(other), name=name)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return (await dumped(pulse))[0]

    # Not asyncio.run: it cancels what is left, and asyncio goes round such a ring until its stack is full.
    loop = asyncio.new_event_loop()
    try:
        summary = loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    (cycle,) = summary["cycles"]
    assert sorted(cycle) == ["a", "b", "c"]
    for task in ring.values():
        task._log_destroy_pending = False
    kept = [weakref.ref(task) for task in ring.values()]
    del task
    ring.clear()

    def gone() -> bool:
        gc.collect()
        return not any(one() for one in kept)

    eventually(gone)  # they keep each other, the watchdog may look at them, and they would be in the next test's dump


async def test_with_tracking_groups_have_ages_and_origins(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_TASK_ORIGIN="1")
    event = asyncio.Event()

    def spawn() -> asyncio.Task[int]:
        return asyncio.create_task(work(event))

    first = spawn()
    await asyncio.sleep(0.02)
    second = spawn()
    await asyncio.sleep(0)
    _, groups = await dumped(pulse)
    event.set()
    await asyncio.gather(first, second)
    group = groups["work"]
    assert group["oldest"] - group["newest"] >= 0.015
    assert group["origin"][-1]["function"].endswith("spawn")
    assert group["origin"][-1]["file"].endswith("test_dump_records.py")
    summary, _ = await dumped(pulse)
    finished = {(kind["function"], kind["outcome"]): kind["count"] for kind in summary["finished"]}
    assert finished["work", "returned int"] == 2


async def test_without_tracking_there_is_neither(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    event = asyncio.Event()
    task = asyncio.create_task(work(event))
    await asyncio.sleep(0)
    _, groups = await dumped(pulse)
    event.set()
    await task
    assert (groups["work"]["oldest"], groups["work"]["newest"], groups["work"]["origin"]) == (None, None, [])


async def test_a_task_factory_that_is_there_makes_the_tasks_and_is_tracked_once() -> None:
    loop = asyncio.get_running_loop()
    made: list[Any] = []

    def own(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(own)
    creation.track(loop)
    ours = loop.get_task_factory()
    creation.track(loop)
    assert loop.get_task_factory() is ours
    task = asyncio.create_task(asyncio.sleep(0), name="named")
    assert task.get_name() == "named"
    assert len(made) == 1
    assert creation.age(task, time.monotonic()) is not None
    await task
    loop.set_task_factory(None)


async def test_how_tasks_ended_is_told_without_their_exceptions_counting_as_seen() -> None:
    async def returns() -> list[int]:
        return [1]

    async def raises() -> None:
        raise KeyError("x")

    class UnreadableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def unreadable() -> None:
        raise UnreadableError

    tasks = [asyncio.create_task(one) for one in (returns(), raises(), raises(), unreadable(), asyncio.sleep(60))]
    await asyncio.sleep(0)
    tasks[-1].cancel()
    await asyncio.sleep(0)
    finished = Finished()
    for task in tasks:
        finished.add(outcome_of(task))
    kinds = {(kind["function"].rpartition(".")[2], kind["outcome"]): kind for kind in finished.most()}
    assert {key: kind["count"] for key, kind in kinds.items()} == {
        ("raises", "raised KeyError"): 2,
        ("returns", "returned list"): 1,
        ("unreadable", "raised UnreadableError"): 1,
        ("sleep", "cancelled"): 1,
    }
    assert kinds["raises", "raised KeyError"]["message"] == "'x'"
    assert all(task._log_traceback for task in tasks[1:4])  # asyncio would still warn of them
    for task in tasks[:4]:
        task.exception()


async def test_a_dump_that_nobody_asked_for_and_that_shows_nothing_new_is_a_count() -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    workers = [asyncio.create_task(work(event)) for _ in range(3)]
    await asyncio.sleep(0)
    records: list[dict[str, Any]] = []

    class Ring:
        append = records.append

    tasks = Tasks(lambda: [loop])

    async def dump(*, whole: bool) -> None:
        def once_this_task_waits() -> None:
            eventually(lambda: asyncio.current_task(loop) is None)
            tasks.dump(Ring(), "periodic", 0, lambda: None, whole=whole)  # type: ignore[arg-type]

        records.clear()
        await asyncio.to_thread(once_this_task_waits)

    written: list[list[dict[str, Any]]] = []
    for whole in (False, False, True):  # all from one line: this task is in the dumps too
        await dump(whole=whole)
        written.append(list(records))
        if len(workers) == 3:
            workers.append(asyncio.create_task(work(event)))
            await asyncio.sleep(0)
    first, second, third = written
    assert first[-1]["same_as"] is None
    groups = {tuple(one["names"]): one["index"] for one in first if one["kind"] == "task_group"}
    assert second[-1]["same_as"] == first[-1]["id"]
    assert [one for one in second if one["kind"] in ("task_group", "task_primitive")] == []
    worker_index = next(index for names, index in groups.items() if len(names) == 3)
    assert second[-1]["counts"][worker_index] == 4
    assert third[-1]["same_as"] is None
    assert len(third) > 1
    event.set()
    await asyncio.gather(*workers)


async def test_a_dump_keeps_no_task_alive() -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    references = sys.getrefcount(event)
    task = asyncio.create_task(work(event))
    await asyncio.sleep(0)

    class Ring:
        def append(self, record: Any) -> None:
            pass

    tasks = Tasks(lambda: [loop])
    await asyncio.to_thread(tasks.dump, Ring(), "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
    seen = weakref.ref(task)
    event.set()
    await task
    del task
    await asyncio.sleep(0)  # the loop still has it in hand
    assert seen() is None
    assert sys.getrefcount(event) == references


def test_many_threads_with_loops_are_all_in_the_dump(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    go_on = threading.Event()

    async def until_told() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.01)

    threads = [threading.Thread(target=asyncio.run, args=(until_told(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    agent = lifecycle.peek()
    assert agent is not None
    eventually(lambda: len(agent.slots.loops()) == 3)
    lifesign.dump_tasks()
    eventually(lambda: pulse.ring("task_dump"))
    go_on.set()
    for thread in threads:
        thread.join()
    # One that has its turn right now stands in a group of its own.
    groups = [group for group in pulse.ring("task_group") if group["stack"][0]["function"].endswith("until_told")]
    assert sum(group["count"] for group in groups) == 3
