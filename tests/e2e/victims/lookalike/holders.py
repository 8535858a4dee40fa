"""Looks like a deadlock by who holds something, or how: hand-offs, generators, objects, locks of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from typing import Any, AsyncIterator

from lookalike import LOCKS, SEATS, a_while, again, crossed, service


@service
async def hand_offs() -> None:
    """Locks in one order under contention: what one lets go of another takes at once."""
    first, second = asyncio.Lock(), asyncio.Lock()

    async def one() -> None:
        async with first:
            await asyncio.sleep(0)
            async with second:
                await a_while()

    await asyncio.gather(*(again(one) for _ in range(50)))


@service
async def any_two_of_many() -> None:
    async def one() -> None:
        first, second = sorted(random.sample(range(len(LOCKS)), 2))
        async with LOCKS[first], LOCKS[second]:
            await asyncio.sleep(0)

    await asyncio.gather(*(again(one) for _ in range(50)))


@service
async def seats_and_locks() -> None:
    async def one() -> None:
        async with SEATS[0], LOCKS[0]:
            await asyncio.sleep(0)

    async def other() -> None:
        async with SEATS[0]:
            await a_while()

    await asyncio.gather(*(again(random.choice((one, other))) for _ in range(30)))


@service
async def taken_by_one_released_by_another() -> None:
    handed: asyncio.Queue[asyncio.Lock] = asyncio.Queue()

    async def takes() -> None:
        async with LOCKS[1]:
            await LOCKS[0].acquire()
            await handed.put(LOCKS[0])
            await asyncio.sleep(0)

    async def releases() -> None:
        lock = await handed.get()
        await a_while()
        lock.release()

    await asyncio.gather(*(again(takes) for _ in range(5)), again(releases))


@service
async def let_go_of_inside_the_block() -> None:
    async def one() -> None:
        async with LOCKS[0]:
            LOCKS[0].release()
            try:
                async with LOCKS[1]:
                    await a_while()
            finally:
                await LOCKS[0].acquire()

    async def other() -> None:
        await LOCKS[0].acquire()
        await a_while()
        LOCKS[0].release()

    await asyncio.gather(*(again(one) for _ in range(4)), *(again(other) for _ in range(4)))


@service
async def cancelled_waiters() -> None:
    async def waits() -> None:
        task = asyncio.ensure_future(crossed(LOCKS[0], LOCKS[1]))
        await a_while()
        task.cancel()
        await asyncio.wait([task])

    await asyncio.gather(*(again(waits) for _ in range(20)))


@service
async def generators_hold() -> None:
    async def stream() -> AsyncIterator[int]:
        async with LOCKS[0]:
            for number in range(3):
                yield number
                await a_while()

    async def reads() -> None:
        async for _ in stream():
            async with LOCKS[1]:
                await a_while()

    async def half() -> None:
        generator: Any = stream()
        async for _ in generator:
            break
        async with LOCKS[1]:
            await generator.aclose()

    await asyncio.gather(*(again(random.choice((reads, half))) for _ in range(10)))


@service
async def managers_and_stacks_hold() -> None:
    @contextlib.asynccontextmanager
    async def managed() -> AsyncIterator[None]:
        async with LOCKS[0]:
            yield

    async def one() -> None:
        async with managed(), LOCKS[1]:
            await a_while()

    async def other() -> None:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(LOCKS[0])
            await stack.enter_async_context(LOCKS[1])
            await asyncio.sleep(0)
            kept = stack.pop_all()
        await a_while()
        await kept.aclose()

    await asyncio.gather(*(again(random.choice((one, other))) for _ in range(10)))


class Account:
    """It holds its lock from one call to another, in no frame."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self.lock = lock

    async def open(self) -> None:
        await self.lock.acquire()

    def close(self) -> None:
        self.lock.release()


@service
async def objects_hold() -> None:
    async def one() -> None:
        account = Account(LOCKS[0])
        await account.open()
        async with LOCKS[1]:
            await a_while()
        account.close()

    await asyncio.gather(*(again(one) for _ in range(10)))


class Reentrant(asyncio.Lock):
    """The same task may enter it several times."""

    def __init__(self) -> None:
        super().__init__()
        self.owner: Any = None
        self.depth = 0

    async def __aenter__(self) -> None:
        if self.owner is not asyncio.current_task():
            await super().__aenter__()
            self.owner = asyncio.current_task()
        self.depth += 1

    async def __aexit__(self, *error: Any) -> None:
        self.depth -= 1
        if not self.depth:
            self.owner = None
            await super().__aexit__(*error)


@service
async def subclassed_locks() -> None:
    lock = Reentrant()

    async def one() -> None:
        async with lock:
            await asyncio.sleep(0)
            async with lock, LOCKS[0]:
                await a_while()

    await asyncio.gather(*(again(one) for _ in range(10)))


class Turnstile:
    """Like a lock, and related to none: whoever waits longest is let in."""

    def __init__(self) -> None:
        self._locked = False
        self._waiters: list[asyncio.Future[None]] = []

    async def acquire(self) -> None:
        while self._locked:
            future = asyncio.get_running_loop().create_future()
            self._waiters.append(future)
            await future
        self._locked = True

    def release(self) -> None:
        self._locked = False
        while self._waiters:
            future = self._waiters.pop(0)
            if not future.done():
                future.set_result(None)
                break

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: Any) -> None:
        self.release()


@service
async def locks_of_ones_own() -> None:
    turnstile = Turnstile()

    async def one() -> None:
        async with turnstile, LOCKS[0]:
            await a_while()

    await asyncio.gather(*(again(one) for _ in range(10)))


@service
async def tasks_that_end() -> None:
    """Each life of a task takes a lock, and its end releases it."""

    async def one() -> None:
        async with LOCKS[0]:
            await asyncio.ensure_future(a_while_and(LOCKS[1]))

    async def a_while_and(lock: asyncio.Lock) -> None:
        async with lock:
            await a_while()

    async def lives() -> None:
        await asyncio.ensure_future(one())

    await asyncio.gather(*(again(lives) for _ in range(10)))


if sys.version_info >= (3, 11):

    @service
    async def groups() -> None:
        async def one() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(crossed(LOCKS[0], LOCKS[1]))

        await asyncio.gather(*(again(one) for _ in range(3)))


if sys.version_info >= (3, 12):

    @service
    async def eager_tasks() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.gather(hand_offs(), tasks_that_end())
