"""Dumps of the running loop, in memory, and an object of the user's that keeps primitives."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, AsyncIterator, Coroutine

from lifesign.agent.tasks.dump import Tasks


class Records:
    """A dump of the running loop, in memory."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def append(self, record: Any) -> None:
        self.all.append(record)

    @property
    def summary(self) -> Any:
        return next(record for record in self.all if record["kind"] == "task_dump")

    def group(self, function: str) -> Any:
        return next(
            one for one in self.groups if function in [frame["function"].split(".")[-1] for frame in one["stack"]]
        )

    @property
    def groups(self) -> list[Any]:
        return [record for record in self.all if record["kind"] == "task_group"]

    @property
    def primitives(self) -> list[Any]:
        return [record for record in self.all if record["kind"] == "task_primitive"]

    def primitive(self, name: str) -> Any:
        return next(one for one in self.primitives if one["name"] == name)


async def dumped() -> Records:
    loop, records = asyncio.get_running_loop(), Records()
    for _ in range(3):
        await asyncio.sleep(0)  # whoever is to wait does so now
    tasks = Tasks(lambda: [loop])
    await asyncio.to_thread(tasks.dump, records, "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
    return records


@contextlib.asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks = [asyncio.create_task(one, name=one.__name__) for one in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Desk:
    """The user's object that keeps primitives."""

    def __init__(self) -> None:
        self.ledger = asyncio.Lock()
        self.full: asyncio.Queue[int] = asyncio.Queue(1)
        self.empty: asyncio.Queue[int] = asyncio.Queue()
        self.seats = asyncio.BoundedSemaphore(2)
        self.news = asyncio.Event()
        self.changed = asyncio.Condition()

    async def take(self) -> None:
        await self.empty.get()

    async def put(self) -> None:
        await self.full.put(2)

    async def sit(self) -> None:
        async with self.seats:
            await asyncio.sleep(60)

    async def hear(self) -> None:
        await self.news.wait()

    async def notice(self) -> None:
        async with self.changed:
            await self.changed.wait()

    async def write(self) -> None:
        async with self.ledger:
            await asyncio.sleep(60)
