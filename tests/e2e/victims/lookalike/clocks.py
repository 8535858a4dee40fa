"""Looks like a deadlock, and ends when a time is over or something else comes first."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys

from lookalike import LOCKS, again, both, crossed, service


@service
async def timers_that_cancel() -> None:
    def by_a_timer(tasks: list[asyncio.Task[None]]) -> None:
        asyncio.get_running_loop().call_later(3.0, tasks[0].cancel)

    await again(functools.partial(both, cancelled_by=by_a_timer))


@service
async def timers_of_functions() -> None:
    def by_a_function(tasks: list[asyncio.Task[None]]) -> None:
        asyncio.get_running_loop().call_later(3.0, lambda: [task.cancel() for task in tasks])

    await again(functools.partial(both, cancelled_by=by_a_function))


@service
async def wait_for_around() -> None:
    async def one(first: asyncio.Lock, second: asyncio.Lock, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(crossed(first, second), seconds)

    await asyncio.gather(
        again(lambda: one(LOCKS[0], LOCKS[1], 2.0)),
        again(lambda: one(LOCKS[1], LOCKS[0], 3.0)),
    )


@service
async def wait_for_far_outside() -> None:
    async def inner(locks: list[asyncio.Lock]) -> None:
        await asyncio.gather(crossed(locks[0], locks[1]), crossed(locks[1], locks[0]))

    async def outer() -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(inner([asyncio.Lock(), asyncio.Lock()]), 3.0)

    await again(outer)


@service
async def waits_with_a_timeout() -> None:
    async def one() -> None:
        locks = [asyncio.Lock(), asyncio.Lock()]
        tasks = [asyncio.ensure_future(crossed(*locks)), asyncio.ensure_future(crossed(*reversed(locks)))]
        _, late = await asyncio.wait(tasks, timeout=3.0)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)

    await again(one)


@service
async def whichever_comes_first() -> None:
    """It holds what one of the two needs, and the other one comes."""

    async def needs() -> None:
        async with LOCKS[0]:
            pass

    async def one() -> None:
        async with LOCKS[0]:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(2.0, lambda: future.done() or future.set_result(None))
            task = asyncio.ensure_future(needs())
            await asyncio.wait([task, future], return_when=asyncio.FIRST_COMPLETED)
        await task

    await again(one)


@service
async def shields() -> None:
    async def one() -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(crossed(LOCKS[0], LOCKS[1])), 0.001)

    await asyncio.gather(*(again(one) for _ in range(10)))


if sys.version_info >= (3, 11):

    @service
    async def timeouts_around() -> None:
        async def one(first: asyncio.Lock, second: asyncio.Lock, seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await crossed(first, second)

        await asyncio.gather(
            again(lambda: one(LOCKS[0], LOCKS[1], 2.0)),
            again(lambda: one(LOCKS[1], LOCKS[0], 3.0)),
        )

    @service
    async def timeouts_around_groups() -> None:
        async def one() -> None:
            locks = asyncio.Lock(), asyncio.Lock()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3.0), asyncio.TaskGroup() as group:
                    group.create_task(crossed(*locks))
                    group.create_task(crossed(*reversed(locks)))
                    await asyncio.Event().wait()

        await again(one)
