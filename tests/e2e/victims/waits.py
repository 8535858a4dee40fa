"""A service that waits for what something else has to end. usage: waits.py NAME...

It counts the event "order" ten times, and then whenever it gets anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from typing import Any, AsyncIterator

import lifesign

PENDING: dict[int, asyncio.Future[None]] = {}
LOST_ANSWER = "lost.example"


class Desk:
    """What the tasks share."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ledger = asyncio.Lock()
        self.orders: asyncio.Queue[int] = asyncio.Queue()
        self.parcels: asyncio.Queue[int] = asyncio.Queue()
        self.cars: asyncio.Queue[int] = asyncio.Queue()
        for number in range(2):
            self.cars.put_nowait(number)

    async def hear(self) -> None:
        await self.ready.wait()  # event-not-set

    async def work(self) -> None:
        while True:
            await self.orders.get()  # an idle worker

    async def deliver(self) -> None:
        while True:
            await self.parcels.get()  # and no task_done()

    async def close(self) -> None:
        for number in range(2):
            self.parcels.put_nowait(number)
        await self.parcels.join()  # queue-join

    async def hold(self) -> None:
        async with self.ledger:
            await asyncio.get_running_loop().create_future()  # held

    async def read(self) -> None:
        async with self.ledger:
            lifesign.event("order")

    async def drive(self) -> None:
        first = await self.cars.get()
        await asyncio.sleep(0.05)
        second = await self.cars.get()  # a second car
        self.cars.put_nowait(first)
        self.cars.put_nowait(second)


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that takes it and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader, writer = await asyncio.open_connection(*server.getsockname())
        with contextlib.closing(writer):
            yield reader, writer


async def lost() -> None:
    future = asyncio.get_running_loop().create_future()
    await future  # lost-future


async def kept() -> None:
    PENDING[1] = future = asyncio.get_running_loop().create_future()
    await future


async def child() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "600")
    await process.wait()  # child-process


async def pipe() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "601", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()  # a pipe


async def resolve() -> None:
    await asyncio.get_running_loop().getaddrinfo(LOST_ANSWER, 80)  # dns


async def ask() -> None:
    async with mute() as (reader, _):
        await reader.readline()  # peer-silent


async def back_off() -> None:
    await asyncio.sleep(3600)  # long-sleep


async def meet() -> None:
    await BARRIER.wait()  # barrier


async def children() -> None:
    await asyncio.gather(ask(), asyncio.sleep(0))  # the slowest


async def moving_children() -> None:
    while True:
        await asyncio.gather(*(asyncio.sleep(0.01 * number) for number in range(5)))
        lifesign.event("order")


async def moving_futures() -> None:
    loop = asyncio.get_running_loop()
    while True:
        future = loop.create_future()
        loop.call_later(0.01, future.set_result, None)
        await future


async def moving_processes() -> None:
    while True:
        await (await asyncio.create_subprocess_exec("true")).wait()


async def ticks() -> None:
    while True:
        await asyncio.sleep(0.5)


async def leaks() -> None:
    keep = []
    while True:
        keep += [asyncio.create_task(answered(number)) for number in range(200)]
        await asyncio.sleep(0.2)


async def answered(number: int) -> int:
    await asyncio.sleep(0)
    return number


async def grows() -> None:
    keep = []
    while True:
        keep += [asyncio.create_task(pushes()) for _ in range(200)]
        await asyncio.sleep(0.2)


async def pushes() -> None:
    await DESK.ready.wait()  # task-leak


async def gathers_many() -> None:
    while True:
        await asyncio.gather(*(asyncio.sleep(0.001 * (number % 900)) for number in range(4000)))
        lifesign.event("order")


def _hangs(host: str, *_: Any, **__: Any) -> list[Any]:
    time.sleep(600)
    return []


async def main(names: list[str]) -> None:
    global BARRIER, DESK
    DESK = Desk()
    BARRIER = asyncio.Barrier(3) if hasattr(asyncio, "Barrier") else DESK.ready
    socket.getaddrinfo = _hangs if "resolve" in names else socket.getaddrinfo  # type: ignore[assignment]
    for _ in range(10):
        lifesign.event("order")
    tasks = [asyncio.create_task(getattr(DESK, name, globals().get(name))(), name=name) for name in names]
    print("ready", flush=True)
    await asyncio.wait(tasks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
