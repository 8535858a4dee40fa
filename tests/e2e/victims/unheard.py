"""A service whose fault nothing prints, or only prints. usage: unheard.py NAME

It counts the event "order" ten times a second until the fault comes, nine seconds after it has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, AsyncIterator, Callable, Coroutine

import lifesign

TICKS = 90
FOR_EVER = 10**9


async def orders(number: int = TICKS) -> AsyncIterator[int]:
    for order in range(number):
        await asyncio.sleep(0.1)
        yield order


async def consume(number: int = TICKS, *, fails: bool = False) -> None:
    async for order in orders(number):
        lifesign.event("order")
        if fails and order == TICKS - 1:
            raise ValueError("no price")  # gathered


async def gathers() -> None:
    await asyncio.gather(consume(fails=True), asyncio.Event().wait(), return_exceptions=True)


async def returns() -> None:
    consumer = asyncio.create_task(consume(), name="consumer")
    await asyncio.Event().wait()
    await consumer


async def thread() -> None:
    inbox: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def feed() -> None:
        for number in range(TICKS):
            time.sleep(0.1)
            loop.call_soon_threadsafe(inbox.put_nowait, number)
        raise KeyError("price")  # in a thread

    threading.Thread(target=feed, name="feeder", daemon=True).start()

    async def handle() -> None:
        while True:
            await inbox.get()
            lifesign.event("order")

    await asyncio.gather(handle())


async def job() -> None:
    mail = ThreadPoolExecutor(1, thread_name_prefix="mail")

    def send() -> None:
        time.sleep(0.1)
        raise ValueError("no address")  # in a job

    async def order() -> None:
        mail.submit(send)

    await asyncio.gather(consume(FOR_EVER), every_second(order))


async def handed_over() -> None:
    loop = asyncio.get_running_loop()

    async def store() -> None:
        await asyncio.sleep(0.1)
        raise KeyError("price")  # in a coroutine of a thread's

    async def order() -> None:
        await loop.run_in_executor(None, hand_over, store, loop)

    await asyncio.gather(consume(FOR_EVER), every_second(order))


async def every_second(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await work()
        await asyncio.sleep(1)


def hand_over(store: Callable[[], Coroutine[Any, Any, None]], loop: asyncio.AbstractEventLoop) -> None:
    asyncio.run_coroutine_threadsafe(store(), loop)


async def files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    kept: list[asyncio.StreamWriter] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def order() -> None:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        kept.append(writer)
        await reader.read()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    for _ in range(185):
        await order()
    await consume(FOR_EVER)


async def workers() -> None:
    done = threading.Event()

    def watch() -> None:
        done.wait()

    async def order() -> None:
        for _ in range(20):
            threading.Thread(target=watch, daemon=True).start()

    await asyncio.gather(consume(FOR_EVER), every_second(order))


async def client() -> None:
    clients: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    kept = socket.create_connection(server.sockets[0].getsockname())
    await consume(20)

    async def broadcast() -> None:
        while True:
            clients[0].write(bytes(100_000))
            await clients[0].drain()  # takes nothing

    await asyncio.gather(broadcast())
    kept.close()


async def pipe() -> None:
    _, writes = os.pipe()
    os.dup2(writes, 1)
    await consume(20)
    while True:
        print("x" * 1000)  # into a full pipe


async def failed_and_cleans_up() -> None:
    try:
        await consume(fails=True)
    finally:
        await asyncio.Event().wait()  # cleans up


async def well() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
    pipes = [os.pipe() for _ in range(70)]

    async def retry() -> None:
        while True:
            try:
                raise ConnectionError
            except ConnectionError:
                await asyncio.sleep(0.5)

    async def warm_up() -> None:
        await asyncio.sleep(5.5)

    def fails() -> None:
        time.sleep(0.05)
        raise ConnectionError

    async def jobs() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as pool:
            while True:
                asked = [pool.submit(fails) for _ in range(3)]
                with contextlib.suppress(ConnectionError):
                    await loop.run_in_executor(None, asked[0].result)
                with contextlib.suppress(ConnectionError):
                    await loop.run_in_executor(pool, fails)
                await asyncio.sleep(0.2)
                assert all(one.exception() is not None for one in asked)

    async def workers_that_end() -> None:
        while True:
            for _ in range(20):
                threading.Thread(target=time.sleep, args=(0.05,), daemon=True).start()
            await asyncio.sleep(0.2)

    async def steady() -> None:
        many: asyncio.Queue[int] = asyncio.Queue()
        for number in range(3000):
            many.put_nowait(number)
        while True:
            for number in range(100):
                many.put_nowait(number)
            await asyncio.sleep(0.05)
            for _ in range(100):
                await many.get()

    works = (consume(FOR_EVER), retry(), warm_up(), jobs(), steady(), workers_that_end())
    await asyncio.gather(*works, return_exceptions=True)
    pipes.clear()


if __name__ == "__main__":
    found: Any = globals()[sys.argv[1]]
    print("ready", flush=True)
    asyncio.run(found())
