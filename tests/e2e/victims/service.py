"""A service with tasks to look at. One task's name would repaint a terminal that took it literally."""

from __future__ import annotations

import asyncio

import lifesign


async def wait_for_orders(queue: asyncio.Queue[str]) -> str:
    return await queue.get()


async def sleep_long() -> None:
    await asyncio.sleep(600)


async def main() -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()
    tasks = [asyncio.create_task(wait_for_orders(queue), name=f"order-{number}") for number in range(3)]
    tasks.append(asyncio.create_task(sleep_long(), name="\x1b[2J\u202eevil"))
    lifesign.event("order")
    lifesign.event("order")
    await asyncio.sleep(0.05)
    print("ready", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
