"""A service that uses up a pool or a primitive of another package, or keeps it busy. usage: pools.py KIND ill|busy PORT

PORT is that of the server that the package talks to, where it does to one. The service counts the event "order"
whenever it gets anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from typing import Any, Callable

import lifesign

SIZE = 2
LOADED = {"sqlalchemy": ["sqlalchemy.ext.asyncio", "sqlalchemy.dialects.postgresql.asyncpg", "asyncpg"]}


class Desk:
    """What holds something, for good or for a moment, and who wants it."""

    def __init__(self, ill: bool, take: Callable[[], Any]) -> None:
        self.ill = ill
        self.take = take
        self.never = asyncio.Event()

    async def sit(self) -> None:
        async with self.take():
            await self.work()  # holds

    async def work(self) -> None:
        if self.ill:
            await self.never.wait()  # sits
        await asyncio.sleep(0.02)
        lifesign.event("order")

    async def want(self) -> None:
        await asyncio.sleep(0.5)
        while True:
            async with self.take():  # wants
                await self.work()

    async def swallow(self) -> None:
        cleaning = asyncio.ensure_future(self.never.wait())
        while not cleaning.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(cleaning)  # swallows it

    async def all(self) -> None:
        async def sits() -> None:
            while True:
                await self.sit()

        await asyncio.gather(*(sits() for _ in range(SIZE)), self.want(), self.want())


async def anyio_lock(ill: bool, _: int) -> None:
    import anyio

    lock = anyio.Lock()
    await Desk(ill, lambda: lock).all()


async def anyio_semaphore(ill: bool, _: int) -> None:
    import anyio

    seats = anyio.Semaphore(SIZE, max_value=SIZE)
    await Desk(ill, lambda: seats).all()


async def anyio_limiter(ill: bool, _: int) -> None:
    import anyio

    limiter = anyio.CapacityLimiter(SIZE)
    await Desk(ill, lambda: limiter).all()


async def anyio_scope(ill: bool, _: int) -> None:
    import anyio

    desk = Desk(ill, object)
    async with anyio.create_task_group() as group:
        group.start_soon(desk.swallow)
        await asyncio.sleep(0.5)
        group.cancel_scope.cancel()


async def anyio_stream(ill: bool, _: int) -> None:
    import anyio

    send, receive = anyio.create_memory_object_stream[int](SIZE)

    async def produce() -> None:
        while True:
            await send.send(1)  # sends

    async def consume() -> None:
        async for _ in receive:
            await Desk(ill, object).work()

    await asyncio.gather(produce(), consume())


async def answer(ill: bool) -> int:
    """The port of a server in this loop that begins an answer, and ends it only where nothing is ill."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if ill else b"ok"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


async def aiohttp(ill: bool, _: int) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{await answer(ill)}/"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SIZE)) as session:
        await Desk(ill, lambda: session.get(url)).all()


async def httpx(ill: bool, _: int) -> None:
    import httpx

    url = f"http://127.0.0.1:{await answer(ill)}/"
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=SIZE), timeout=600) as client:
        await Desk(ill, lambda: client.stream("GET", url)).all()


async def asyncpg(ill: bool, port: int) -> None:
    import asyncpg

    async with asyncpg.create_pool(f"postgres://ann@127.0.0.1:{port}/postgres", min_size=0, max_size=SIZE) as pool:
        await Desk(ill, pool.acquire).all()


async def sqlalchemy(ill: bool, port: int) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        f"postgresql+asyncpg://ann@127.0.0.1:{port}/postgres", pool_size=SIZE, max_overflow=0, pool_timeout=600
    )
    await Desk(ill, engine.connect).all()


async def redis(ill: bool, port: int) -> None:
    import redis.asyncio

    pool = redis.asyncio.BlockingConnectionPool(port=port, max_connections=SIZE, timeout=None)
    client = redis.asyncio.Redis(connection_pool=pool)

    async def listen() -> None:
        while True:
            await client.blpop("orders", timeout=0 if ill else 0.02)  # listens
            lifesign.event("order")

    async def ping() -> None:
        await asyncio.sleep(0.5)
        while True:
            await client.ping()  # pings
            lifesign.event("order")

    await asyncio.gather(listen(), listen(), ping())


async def main() -> None:
    for _ in range(10):
        lifesign.event("order")
    print("ready", flush=True)
    await globals()[sys.argv[1]](sys.argv[2] == "ill", int(sys.argv[3]))


if __name__ == "__main__":
    package = sys.argv[1].partition("_")[0]
    for module in LOADED.get(package, [package]):  # not in the loop, which that would block
        importlib.import_module(module)
    asyncio.run(main())
