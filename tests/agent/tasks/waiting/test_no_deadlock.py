"""Tasks that wait in a ring for now, and will go on: none of it is a deadlock."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any, AsyncIterator, Awaitable, Callable

import pytest

from support.made.surveys import dumped, running

FIRST: dict[str, asyncio.Lock] = {}


async def transfer(first: str, second: str) -> None:
    async with FIRST[first]:
        await asyncio.sleep(0)
        async with FIRST[second]:
            await asyncio.sleep(60)


def both() -> list[asyncio.Task[None]]:
    return [asyncio.ensure_future(transfer("a", "b")), asyncio.ensure_future(transfer("b", "a"))]


async def waits_with_a_timeout() -> None:
    await asyncio.wait(both(), timeout=60)


async def a_timer_cancels() -> None:
    tasks = both()
    asyncio.get_running_loop().call_later(60, lambda: [task.cancel() for task in tasks])
    await asyncio.Event().wait()


async def a_timer_cancels_one() -> None:
    tasks = both()
    asyncio.get_running_loop().call_later(60, tasks[1].cancel)
    await asyncio.Event().wait()


async def a_timeout_far_outside() -> None:
    async def gathers() -> None:
        await asyncio.gather(*both())

    await asyncio.wait_for(gathers(), 60)


async def a_timeout_around_a_group() -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(transfer("a", "b"))
        group.create_task(transfer("b", "a"))
        await asyncio.Event().wait()


async def a_manager_with_a_timeout() -> None:
    @contextlib.asynccontextmanager
    async def in_time() -> AsyncIterator[None]:
        async with asyncio.timeout(60):
            yield

    async def one(first: str, second: str) -> None:
        async with in_time():
            await transfer(first, second)

    await asyncio.gather(one("a", "b"), one("b", "a"))


async def enters() -> None:
    async with FIRST["a"]:
        pass


async def waits_for_one_of_two() -> None:
    async with FIRST["a"]:
        future = asyncio.get_running_loop().create_future()
        await asyncio.wait([asyncio.ensure_future(enters()), future], return_when="FIRST_COMPLETED")


async def gathers_what_may_fail() -> None:
    async with FIRST["a"]:
        await asyncio.gather(asyncio.ensure_future(enters()), asyncio.get_running_loop().create_future())


async def lets_go_inside() -> None:
    """Somebody else has acquired it by hand meanwhile, and will release it."""
    lock = FIRST["a"]
    async with lock:
        lock.release()
        await asyncio.sleep(0)
        try:
            await FIRST["b"].acquire()
        finally:
            await lock.acquire()


async def holds_by_hand() -> None:
    await asyncio.sleep(0)
    await FIRST["a"].acquire()
    await asyncio.sleep(60)


async def lets_go() -> None:
    await asyncio.gather(transfer("b", "a"), lets_go_inside(), holds_by_hand())


async def notified_while_another_has_it() -> None:
    """It waits for a condition's lock, inside of a block of that same lock."""
    lock = FIRST["a"]
    condition = asyncio.Condition(lock)

    async def waits() -> None:
        async with lock:
            await condition.wait()

    task = asyncio.ensure_future(waits())
    for _ in range(2):
        await asyncio.sleep(0)
    await lock.acquire()
    condition.notify_all()
    try:
        await asyncio.wait([task, asyncio.get_running_loop().create_future()])
    finally:
        lock.release()


@pytest.mark.parametrize(
    "look_alike",
    [
        waits_with_a_timeout,
        a_timer_cancels,
        a_timer_cancels_one,
        a_timeout_far_outside,
        a_timeout_around_a_group,
        a_manager_with_a_timeout,
        waits_for_one_of_two,
        gathers_what_may_fail,
        lets_go,
        notified_while_another_has_it,
    ],
)
async def test_it_is_no_deadlock(look_alike: Callable[[], Any]) -> None:
    assert await rings(look_alike) == []


async def waits_for_what_it_holds_up() -> None:
    async with FIRST["a"]:
        await asyncio.wait([asyncio.ensure_future(enters())])


async def a_group_of_what_it_holds_up() -> None:
    async with FIRST["a"], asyncio.TaskGroup() as group:
        group.create_task(enters())


GROUPS = [a_group_of_what_it_holds_up] if sys.version_info >= (3, 11) else []


async def an_exit_stack_holds() -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(FIRST["a"])
        await asyncio.ensure_future(enters())


@pytest.mark.parametrize("ill", [waits_for_what_it_holds_up, *GROUPS, an_exit_stack_holds])
async def test_it_is_one(ill: Callable[[], Any]) -> None:
    assert await rings(ill) == [2]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="nothing notes who awaits a task")
async def test_what_asyncio_notes_of_waits_that_are_over_makes_none() -> None:
    """From 3.14 on it notes at each task who awaits it, and `wait`, `gather` and `shield` leave such notes behind."""

    async def stale() -> None:
        first = asyncio.ensure_future(transfer("a", "a"))  # waits for itself: what is found at all
        second, third = (asyncio.ensure_future(asyncio.Event().wait()) for _ in range(2))
        for awaited, waiter in ((second, third), (third, second)):
            asyncio.future_add_to_awaited_by(awaited, waiter)
        await asyncio.wait([first, second, third])

    assert await rings(stale) == [1]


async def rings(service: Callable[[], Awaitable[Any]]) -> list[int]:
    FIRST.update(a=asyncio.Lock(), b=asyncio.Lock())
    before = asyncio.all_tasks()

    async def serve() -> None:
        await service()

    async with running(serve()):
        for _ in range(5):
            await asyncio.sleep(0)
        dump = await dumped()
    left = asyncio.all_tasks() - before
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    return [len(ring) for ring in dump.summary["rings"]]
