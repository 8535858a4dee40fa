"""Task dumps: every task, grouped by its await stack, taken from another thread."""

from __future__ import annotations

import asyncio
import gc
import sys
import types
import weakref
from types import SimpleNamespace
from typing import Any, AsyncIterator, Callable, Iterator

import pytest

import lifesign
from lifesign.agent.tasks import dump, pace, walk
from lifesign.agent.tasks.dump import Tasks
from support.waiting import eventually

SECRET = "hunter2"


async def innermost(event: asyncio.Event, password: str) -> None:
    token = password * 2
    await event.wait()
    print(token)


async def middle(event: asyncio.Event) -> None:
    await innermost(event, SECRET)


async def numbers(event: asyncio.Event) -> AsyncIterator[int]:
    await event.wait()
    yield 1


async def consumer(event: asyncio.Event) -> None:
    async for _ in numbers(event):
        pass


class Awaitable:
    def __init__(self, event: asyncio.Event) -> None:
        self.event = event

    def __await__(self) -> Iterator[Any]:
        return innermost(self.event, SECRET).__await__()


async def through_await(event: asyncio.Event) -> None:
    await Awaitable(event)


def functions(group: dict[str, Any]) -> list[str]:
    return [frame["function"].rpartition(".")[2] for frame in group["stack"]]


async def dumped(pulse: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    while pulse.boot()[-1]["kind"] != "boot_ended":  # for its end the boot has a task of its own
        await asyncio.sleep(0.003)
    lifesign.dump_tasks()
    await asyncio.to_thread(eventually, lambda: pulse.ring("task_dump"))
    return pulse.ring("task_dump")[-1], pulse.ring("task_group")


async def test_groups_come_biggest_first_with_the_stack_down_to_the_innermost_await(
    started: Callable[..., Any],
) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    event = asyncio.Event()
    waiting = [asyncio.create_task(middle(event), name=f"middle {number}") for number in range(7)]
    waiting += [asyncio.create_task(consumer(event)) for _ in range(3)]
    waiting += [asyncio.create_task(through_await(event)) for _ in range(2)]
    await asyncio.sleep(0)
    summary, groups = await dumped(pulse)
    event.set()
    await asyncio.gather(*waiting)

    # 7 + 3 + 2, and this test's own task.
    assert (summary["tasks"], summary["groups"], summary["omitted"]) == (13, 4, 0)
    assert (summary["reason"], summary["request"]) == ("call", 0)
    assert [group["count"] for group in groups] == [7, 3, 2, 1]
    assert [group["index"] for group in groups] == [0, 1, 2, 3]
    assert functions(groups[0]) == ["middle", "innermost", "wait"]
    assert functions(groups[1]) == ["consumer", "numbers", "wait"]
    assert functions(groups[2]) == ["through_await", "innermost", "wait"]
    assert sorted(groups[0]["names"]) == sorted(set(groups[0]["names"]))
    assert all(name.startswith("middle ") for name in groups[0]["names"])
    assert len(groups[0]["names"]) == 5
    assert groups[0]["waits_for"] == "Event (not set)"
    inner = groups[0]["stack"][1]
    assert inner["file"].endswith("test_walk.py")
    with open(__file__) as source:
        assert source.read().splitlines()[inner["line"] - 1].strip() == "await event.wait()"
    assert SECRET not in str(pulse.boot()) + str(pulse.ring("task_group"))


async def test_what_a_task_waits_for(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    event = asyncio.Event()
    inner = asyncio.create_task(middle(event), name="the inner one")

    async def waits_for_a_task() -> None:
        await inner

    outer = asyncio.create_task(waits_for_a_task())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    _, groups = await dumped(pulse)
    event.set()
    await outer
    waits = {functions(group)[0]: group["waits_for"] for group in groups}
    assert waits["waits_for_a_task"] == "task the inner one"


async def test_a_dump_of_many_groups_says_how_many_it_left_out(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "GROUPS_MAX", 1)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    event = asyncio.Event()
    waiting = [asyncio.create_task(middle(event)), asyncio.create_task(consumer(event))]
    await asyncio.sleep(0)
    summary, groups = await dumped(pulse)
    event.set()
    await asyncio.gather(*waiting)
    assert (summary["groups"], summary["omitted"], len(groups)) == (3, 2, 1)


async def test_a_deep_stack_keeps_both_its_ends(started: Callable[..., Any]) -> None:
    event = asyncio.Event()

    async def deep(depth: int) -> None:
        await (deep(depth - 1) if depth else middle(event))

    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    task = asyncio.create_task(deep(60))
    await asyncio.sleep(0)
    _, groups = await dumped(pulse)
    event.set()
    await task
    group = next(group for group in groups if functions(group)[0] == "deep")
    # 61 x deep, middle, innermost, wait = 64, of which 20 at each end are kept.
    assert len(group["stack"]) == 41
    assert group["stack"][20]["function"] == "... 24 frames ..."
    assert functions(group)[-3:] == ["middle", "innermost", "wait"]


async def test_a_slice_lets_the_watchdog_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LOOK", 2), ("SLICE_SECONDS", 0.0), ("BEAT_SECONDS", 0.0)):
        monkeypatch.setattr(pace, name, value)
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    waiting = [asyncio.create_task(middle(event)) for _ in range(9)]
    await asyncio.sleep(0)
    beats: list[int] = []
    records: list[dict[str, Any]] = []

    class Ring:
        append = records.append

    dump = Tasks(lambda: [loop]).dump
    await asyncio.to_thread(dump, Ring(), "call", 3, lambda: beats.append(1), whole=True)  # type: ignore[arg-type]
    event.set()
    await asyncio.gather(*waiting)
    assert len(beats) >= 5  # 10 tasks or a few more, two a slice
    assert records[-1]["request"] == 3


def test_a_generator_is_walked_too() -> None:
    def coroutine() -> Iterator[Any]:
        yield from inner()

    def inner() -> Iterator[Any]:
        yield None

    class Task:
        generator = coroutine()

        def get_coro(self) -> Iterator[Any]:
            return self.generator

    next(Task.generator)
    assert [link.code.co_name for link in walk.links(Task())] == ["coroutine", "inner"]


async def test_a_task_that_runs_has_its_stack_from_its_thread() -> None:
    async def inner() -> list[str]:
        return seen()

    def seen() -> list[str]:
        found = walk.running_stack(asyncio.current_task(), sys._getframe())
        return [frame["function"].rpartition(".")[2] for frame in found]

    name = "test_a_task_that_runs_has_its_stack_from_its_thread"
    assert await inner() == [name, "inner", "seen"]
    other = asyncio.ensure_future(asyncio.sleep(0))
    assert walk.running_stack(other, sys._getframe()) == []  # it is not on this thread's stack
    await other


def endless(depth: int) -> Any:
    @types.coroutine
    def inner() -> Iterator[None]:
        yield

    async def call(left: int) -> None:
        await (call(left - 1) if left else inner())

    coroutine = call(depth)
    coroutine.send(None)
    return coroutine


def test_a_stack_has_an_end_whatever_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "DEPTH_MAX", 5)
    coroutine = endless(20)
    task = SimpleNamespace(get_coro=lambda: coroutine)
    assert len(list(walk.chain(coroutine))) == len(walk.walked(task, walk.code_tree())[1]) == 5
    coroutine.close()


def test_a_generator_is_known_by_its_code_and_what_has_none_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def inner() -> Iterator[None]:
        yield

    def outer() -> Iterator[None]:
        yield from inner()

    generator = outer()
    next(generator)
    task = SimpleNamespace(get_coro=lambda: generator)
    root = walk.code_tree()
    assert walk.walked(task, root)[0] is root[id(outer.__code__)][id(inner.__code__)]
    monkeypatch.setattr(walk, "_opaque", {})
    monkeypatch.setattr(walk, "_OPAQUE_MAX", 1)
    for opaque in (int, object):
        assert walk.walked(SimpleNamespace(get_coro=opaque), root)[0] is root[id(opaque)]
    assert len(root) == 3
    assert [*walk._opaque] == [id(object)]


async def test_the_class_of_what_is_awaited_is_not_kept_alive() -> None:
    class Opaque:
        def __await__(self) -> Any:
            return self

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> None:
            return None

    async def waits(made: type) -> None:
        await made()

    task = asyncio.create_task(waits(Opaque))
    await asyncio.sleep(0)
    awaitables = walk.walked(task, walk.code_tree())[1]
    assert len(awaitables) == 1
    gone = weakref.ref(Opaque)
    task.cancel()
    await asyncio.wait([task])
    del Opaque, awaitables, task
    gc.collect()
    assert gone() is None
