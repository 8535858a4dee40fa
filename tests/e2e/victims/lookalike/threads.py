"""Looks like a deadlock, and a thread or a callback lets it go on; or is in another loop."""

from __future__ import annotations

import asyncio
import threading

from lookalike import LOCKS, SEATS, a_while, again, service
from lookalike.holders import hand_offs


@service
async def seats_released_by_callbacks() -> None:
    loop = asyncio.get_running_loop()

    async def one() -> None:
        await SEATS[0].acquire()
        loop.call_later(0.002, SEATS[0].release)
        async with SEATS[1]:
            await a_while()

    await asyncio.gather(*(again(one) for _ in range(10)))


@service
async def seats_released_by_threads() -> None:
    loop = asyncio.get_running_loop()

    async def one() -> None:
        async with SEATS[1]:
            await SEATS[0].acquire()
            await loop.run_in_executor(None, loop.call_soon_threadsafe, SEATS[0].release)

    await asyncio.gather(*(again(one) for _ in range(10)))


@service
async def notified_from_a_thread() -> None:
    loop = asyncio.get_running_loop()
    changed = asyncio.Condition(LOCKS[0])

    async def waits() -> None:
        async with LOCKS[0]:
            await changed.wait()
            await a_while()

    async def notifies() -> None:
        async with changed:
            changed.notify_all()

    async def by_hand() -> None:
        await LOCKS[0].acquire()
        await a_while()
        LOCKS[0].release()

    def thread() -> None:
        while True:
            threading.Event().wait(0.01)
            asyncio.run_coroutine_threadsafe(notifies(), loop)

    threading.Thread(target=thread, daemon=True).start()
    await asyncio.gather(*(again(waits) for _ in range(10)), again(by_hand))


@service
async def two_loops() -> None:
    def other() -> None:
        asyncio.run(hand_offs())

    threading.Thread(target=other, daemon=True).start()
    await hand_offs()
