"""What services share that look as if their tasks held each other up for good, and go on, or could."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable, Coroutine

LOCKS: list[asyncio.Lock] = []
SEATS: list[asyncio.BoundedSemaphore] = []
Service = Callable[[], Coroutine[Any, Any, Any]]
SERVICES: dict[str, Service] = {}


def service(function: Service) -> Service:
    SERVICES[function.__name__.replace("_", "-")] = function
    return function


def a_while() -> Any:
    return asyncio.sleep(random.random() / 200)


async def again(function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    while True:
        await function()


async def crossed(first: asyncio.Lock, second: asyncio.Lock) -> None:
    """With another one that takes them in the other order it is a deadlock."""
    async with first:
        await asyncio.sleep(0.001)
        async with second:
            await a_while()


async def both(*, cancelled_by: Callable[[list[asyncio.Task[None]]], Any]) -> None:
    one, other = asyncio.Lock(), asyncio.Lock()
    tasks = [asyncio.ensure_future(crossed(one, other)), asyncio.ensure_future(crossed(other, one))]
    cancelled_by(tasks)
    await asyncio.wait(tasks)


async def begin(what: Service) -> None:
    LOCKS[:] = [asyncio.Lock() for _ in range(6)]
    SEATS[:] = [asyncio.BoundedSemaphore(3) for _ in range(2)]
    await what()
