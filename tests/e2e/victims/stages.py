"""A service whose boot does not get on, or whose end does not come; or one that only looks so. usage: stages.py NAME"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import sys
import threading
import time
from typing import Any

import lifesign


async def poll() -> None:
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(30)  # swallows


async def flush() -> None:
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.get_running_loop().create_future()  # cleans up


async def drain() -> None:
    await asyncio.get_running_loop().create_future()  # drains


async def quick() -> None:
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(2)


async def serves(work: Any, *, cancels: bool) -> None:
    """Until SIGTERM; then it waits for its work, which it cancels or not."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    task = asyncio.create_task(work(), name="worker")
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    await stop.wait()
    if cancels:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def connect() -> None:
    await asyncio.get_running_loop().create_future()  # connects


async def connects() -> None:
    async with lifesign.checkpoint("broker connected"):
        print("ready", flush=True)
        await connect()


async def loads() -> None:
    async with lifesign.checkpoint("config loaded"):
        print("ready", flush=True)
        time.sleep(600)  # loads


async def is_slow() -> None:
    print("ready", flush=True)
    await asyncio.sleep(2)
    while True:
        lifesign.event("order")
        await asyncio.sleep(0.05)


async def leaves() -> None:
    task = asyncio.create_task(poll(), name="worker")
    await asyncio.sleep(0.1)
    assert not task.done()
    print("ready", flush=True)


def take() -> None:
    queue.Queue[None]().get()  # takes


async def goes_on() -> None:
    print("ready", flush=True)


if sys.argv[1] == "keeps-a-thread":
    threading.Thread(target=take, name="taker").start()
asyncio.run(
    {
        "swallows": lambda: serves(poll, cancels=True),
        "cleans-up": lambda: serves(flush, cancels=True),
        "drains": lambda: serves(drain, cancels=False),
        "quick": lambda: serves(quick, cancels=True),
        "connects": connects,
        "loads": loads,
        "is-slow": is_slow,
        "leaves": leaves,
        "keeps-a-thread": goes_on,
        "goes-on": goes_on,
    }[sys.argv[1]]()
)
while sys.argv[1] == "goes-on":
    time.sleep(0.01)
