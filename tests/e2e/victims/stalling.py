"""A service whose loop stalls for a moment again and again: in a call that waits, and in one that computes.

With the argument ``once`` it stalls once, as it starts; with ``spin`` a task of it never waits, from a line on its
standard input to the next. It says ``ready PID`` when its loop runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time


def query() -> None:
    time.sleep(0.4)


def render() -> None:
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        pass


async def handle() -> None:
    render()


async def retry(over: asyncio.Event) -> None:
    while not over.is_set():
        await asyncio.sleep(0)


async def spin() -> None:
    while await asyncio.to_thread(sys.stdin.readline):
        over = asyncio.Event()
        task = asyncio.create_task(retry(over))
        print("spins", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        over.set()
        await task
        print("spins no more", flush=True)


async def main() -> None:
    if "once" in sys.argv:
        query()
    print("ready", os.getpid(), flush=True)
    if "spin" in sys.argv:
        await spin()
    while True:
        await asyncio.sleep(0.3)
        if "once" not in sys.argv:
            query()
            await asyncio.sleep(0.3)
            await asyncio.create_task(handle(), name="order-7")


asyncio.run(main())
