"""What is read from the objects in a suspended frame, and of what these keep: on every Python, of any library."""

from __future__ import annotations

import asyncio
import os
import types
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks.waiting import blocks, caught, edges, leaves, outside, waits
from lifesign.agent.tasks.waiting.plan import Plan
from lifesign.agent.tasks.walk import Link, chain
from support.rows import rows


@types.coroutine
def suspension() -> Iterator[None]:
    yield


def links(coroutine: Coroutine[Any, Any, None]) -> list[Link]:
    coroutine.send(None)
    return list(chain(coroutine))


class PoolAcquireContext:
    """As asyncpg has one."""

    def __init__(self, pool: object) -> None:
        self.pool = pool
        self.connection = "taken from it"

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("pool", ["a pool", None])
def test_a_context_of_a_pool_stands_for_the_pool(pool: object) -> None:
    context = PoolAcquireContext(pool)

    async def work() -> None:
        async with context:
            await suspension()

    coroutine = work()
    assert [thing for thing, _ in waits.look_alone(links(coroutine)).held] == [context, *([pool] if pool else [])]
    coroutine.close()


def test_a_function_in_a_frame_has_the_block_behind_it() -> None:
    """As 3.14 and newer keep it."""

    def __exit__() -> None: ...  # noqa: N807

    assert list(blocks.exits([1, __exit__, "the block", 2])) == ["the block"]


def test_a_task_is_in_no_more_blocks_than_its_code_has() -> None:
    async def nested(one: Any) -> None:
        with one:
            async with one, one:
                await suspension()

    found = Plan((suspension_once.__code__, nested.__code__, asyncio.wait_for.__code__))
    assert found.blocks == (1,)
    assert 3 <= found.blocks_max <= 5  # up to 3.9 two opcodes for each `async with`


def test_a_coroutine_that_is_over_refers_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_OWN_FRAMES", False)  # as up to 3.10
    coroutine = suspension_once()
    coroutine.close()
    assert blocks.objects(coroutine) == []


async def suspension_once() -> None:
    await suspension()


async def test_what_the_library_alone_waits_for_and_whether_it_has_a_clock() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    future = asyncio.get_running_loop().create_future()

    async def forever() -> None:
        await queue.get()

    calls = (queue.get(), forever(), asyncio.sleep(60), asyncio.wait([future], timeout=60), asyncio.wait([future]))
    tasks = [asyncio.create_task(one) for one in calls]
    await asyncio.sleep(0)
    stacks = [list(chain(task.get_coro())) for task in tasks]
    seen = [waits.look_alone(stack) for stack in stacks]
    left = leaves.time_left(stacks[3])
    for task in tasks:
        task.cancel()
    assert left is not None
    assert 0 < left <= 60
    assert seen[0].wait is not None
    assert (seen[0].wait.thing, seen[0].wait.how) == (queue, "get")
    assert [one.clock for one in seen] == [False, False, True, True, False]
    await asyncio.gather(*tasks, return_exceptions=True)


def test_what_is_no_future_stands_for_no_job() -> None:
    assert not waits.waits_for_executor(SimpleNamespace(_callbacks="soon"))


def process(**of_it: Any) -> SimpleNamespace:
    return SimpleNamespace(pid=1 << 30, **of_it)  # no kernel has as many


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (SimpleNamespace(), ""),
        (process(returncode=0), f"pid {1 << 30}, has ended"),
        (process(returncode=None), f"pid {1 << 30}"),
    ],
)
def test_a_child(child: Any, said: str) -> None:
    assert outside.child(child) == said


@pytest.mark.parametrize(("paused", "said"), [(False, ", alive"), (True, ", alive, its stdout full and not read")])
def test_a_child_that_cannot_write_on(paused: bool, said: str) -> None:
    reader = SimpleNamespace(_paused=paused)
    child = SimpleNamespace(pid=os.getpid(), returncode=None, stdout=reader, stderr=None)
    assert outside.child(child).endswith(said)


GONE = process(returncode=0)
DATABASE = SimpleNamespace(_extra={"peername": ("db", 5432)})


class ReadPipeTransport(SimpleNamespace):
    pass


@rows(
    ("transport", "said"),
    [
        (None, ""),
        (ReadPipeTransport(_protocol=None), "a pipe"),
        (ReadPipeTransport(_protocol=SimpleNamespace(proc=GONE)), f"a pipe of pid {1 << 30}, has ended"),
        (SimpleNamespace(), ""),
        (SimpleNamespace(_extra={"peername": ("10.0.0.1", 6379)}), "server at port 6379"),
        (SimpleNamespace(_extra={"peername": "/run/s"}), "a Unix socket"),
        (SimpleNamespace(_extra={}), ""),
        (SimpleNamespace(_extra={}, _server=1), "a client"),
        (SimpleNamespace(_ssl_protocol=SimpleNamespace(_transport=DATABASE)), "server at port 5432"),
    ],
)
def test_a_peer(transport: Any, said: str) -> None:
    assert outside.peer(SimpleNamespace(_transport=transport)) == said
    assert outside.peer(SimpleNamespace(_protocol=SimpleNamespace(transport=transport))) == said


async def test_whom_a_task_waits_for_by_what_its_frame_refers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = (asyncio.create_task(asyncio.sleep(0)) for _ in range(3))
    plain = asyncio.get_running_loop().create_future()
    assert edges.awaited(one) == ((one,), True)
    assert edges.awaited(plain) == ((), True)
    assert edges.awaited(asyncio.gather(one, other)) == ((one, other), True)
    assert edges.awaited(plain, [{one}, one, "odd", plain]) == ((one,), True)
    assert edges.awaited(plain, [[one, asyncio.get_running_loop().create_future()]]) == ((one,), False)

    found = edges.Edges()
    monkeypatch.setattr(edges, "EDGES_MAX", 2)
    found.add(third, (one, other))
    found.add(one, (other,))
    assert list(found) == [(third, one), (third, other)]
    await asyncio.gather(one, other, third)
    assert edges.awaited(plain, [{one}]) == ((), True)


def test_a_cancel_that_was_not_heard_is_cleaned_up_after_or_is_swallowed() -> None:
    task = SimpleNamespace(cancelling=lambda: 1)

    async def work() -> None:
        try:
            await suspension()
        except asyncio.CancelledError:
            await suspension()

    coroutine = work()
    coroutine.send(None)
    coroutine.throw(asyncio.CancelledError())
    stack = list(chain(coroutine))
    assert caught.cancelled(task, stack) == "cleanup"
    assert caught.cancelled(SimpleNamespace(cancelling=lambda: 1, _must_cancel=True), stack) == ""
    assert caught.cancelled(task, []) in ("swallowed", "")  # up to 3.10 a task does not know that it was cancelled
    coroutine.close()
