"""A service with two kinds of work: "audit" never comes, and "order" flows until its consumer gets stuck."""

from __future__ import annotations

import asyncio

import lifesign


class Desk:
    def __init__(self) -> None:
        self.ledger = asyncio.Lock()

    async def book(self) -> None:
        async with self.ledger:
            await asyncio.get_running_loop().create_future()  # holds it

    async def orders(self) -> None:
        for number in range(1000):
            async with self.ledger:
                lifesign.event("order")
            await asyncio.sleep(0.1)
            if number == 30:
                self.booking = asyncio.create_task(self.book(), name="bookkeeper")


asyncio.run(Desk().orders())
