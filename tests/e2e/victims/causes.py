"""A service with one thing wrong with it, or with one that looks so and is not. usage: causes.py NAME

It counts the event "order" ten times, and then whenever it gets anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
import time
from typing import Any, AsyncIterator

import lifesign


class Desk:
    """What the tasks share."""

    def __init__(self) -> None:
        self.ledger = asyncio.Lock()
        self.prices = asyncio.Lock()
        self.seats = asyncio.BoundedSemaphore(2)
        self.orders: asyncio.Queue[int] = asyncio.Queue(5)
        self.never = asyncio.Event()

    async def transfer(self, first: asyncio.Lock, second: asyncio.Lock) -> None:
        while True:
            async with first:
                await asyncio.sleep(0.02)
                async with second:  # deadlock
                    lifesign.event("order")

    async def hold(self) -> None:
        async with self.ledger:
            await self.never.wait()  # held

    async def forget(self) -> None:
        await self.ledger.acquire()

    async def read(self) -> None:
        async with self.ledger:  # waits for the ledger
            lifesign.event("order")

    async def sit(self, *, long: bool) -> None:
        async with self.seats:  # waits for a seat
            if long:
                await self.never.wait()  # sits
            await asyncio.sleep(0.02)
            lifesign.event("order")

    async def nested(self) -> None:
        async with self.seats:
            await asyncio.sleep(0.02)
            async with self.seats:  # once more
                lifesign.event("order")

    async def produce(self) -> None:
        while True:
            await self.orders.put(1)  # full

    async def consume(self, *, fails: bool) -> None:
        while True:
            await self.orders.get()
            lifesign.event("order")
            await asyncio.sleep(0.01)
            if fails:
                raise ValueError("an order without a price")

    async def deliver(self) -> None:
        for _ in range(5):
            lifesign.event("order")
            await asyncio.sleep(0.05)
        raise ValueError("an order has no price")  # died

    async def delivers(self, *, how: str) -> None:
        """Starts what dies; or what only looks so, and goes on with the work."""
        if how == "kept":
            self.consumer = asyncio.create_task(self.deliver(), name="delivery")
            await self.never.wait()
        elif how == "forgotten":
            asyncio.create_task(self.deliver(), name="delivery").add_done_callback(lambda task: None)
            await self.never.wait()
        while True:
            first = asyncio.create_task(self.deliver(), name="delivery")
            first.add_done_callback(lambda task: task.exception())
            second = asyncio.create_task(self.never.wait())
            await asyncio.gather(self.deliver(), return_exceptions=True)
            second.cancel()
            with contextlib.suppress(ValueError):
                await asyncio.create_task(self.deliver())

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        async with self.ledger:
            yield

    async def through_a_manager(self) -> None:
        async with self.locked():
            await self.never.wait()  # held by a manager


def blocks() -> None:
    time.sleep(600)  # blocks


def computes() -> None:
    while True:
        pass


async def calls(function: Any) -> None:
    await asyncio.sleep(1.0)
    function()


async def in_threads(last: Any) -> None:
    """Twelve threads with a loop each; the last one comes to `last`."""
    for number in range(12):
        work = calls(last if number == 11 else lambda: None)
        threading.Thread(target=asyncio.run, args=(_then_for_ever(work),), daemon=True).start()
        await asyncio.sleep(0.02)
    await asyncio.sleep(600)


async def _then_for_ever(work: Any) -> None:
    await work
    await asyncio.sleep(600)


def coroutines(name: str, desk: Desk) -> list[Any]:
    ledger, prices = desk.ledger, desk.prices
    return {
        "two-orders": lambda: [desk.transfer(ledger, prices), desk.transfer(prices, ledger), desk.read()],
        "one-order": lambda: [desk.transfer(ledger, prices), desk.transfer(ledger, prices)],
        "forgotten-lock": lambda: [desk.forget(), desk.read(), desk.read()],
        "holder": lambda: [desk.hold(), desk.read(), desk.read()],
        "manager": lambda: [desk.through_a_manager(), desk.read()],
        "seats": lambda: [desk.sit(long=True), desk.sit(long=True), desk.sit(long=False)],
        "busy-seats": lambda: [_again(desk.sit) for _ in range(8)],
        "nested": lambda: [desk.nested(), desk.nested()],
        "dead-consumer": lambda: [desk.produce(), desk.consume(fails=True)],
        "slow-consumer": lambda: [desk.produce(), desk.consume(fails=False)],
        "dies-kept": lambda: [desk.delivers(how="kept")],
        "dies-forgotten": lambda: [desk.delivers(how="forgotten")],
        "fails-and-is-asked": lambda: [desk.delivers(how="asked")],
        "idle": lambda: [desk.never.wait()],
        "many-loops": lambda: [in_threads(blocks)],
        "many-busy-loops": lambda: [in_threads(lambda: None)],
        "blocks": lambda: [calls(blocks)],
        "computes": lambda: [calls(computes)],
    }[name]()


async def _again(function: Any) -> None:
    while True:
        await function(long=False)


async def main(name: str) -> None:
    for _ in range(10):
        lifesign.event("order")
    tasks = [asyncio.create_task(one) for one in coroutines(name, Desk())]
    print("ready", flush=True)
    await asyncio.wait(tasks)


if __name__ == "__main__":
    unused: queue.Queue[int] = queue.Queue()
    threading.Thread(target=unused.get, name="a-thread-that-waits", daemon=True).start()
    asyncio.run(main(sys.argv[1]))
