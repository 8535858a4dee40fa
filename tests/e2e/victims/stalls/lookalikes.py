"""Services in which nothing stalls the loop, though its beats come late or its processor has much to do.

usage: lookalikes.py NAME. Each prints "ready" when its loop turns, and goes on until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
import time


def handle(seconds: float) -> None:
    """A request that is well below the threshold."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def serve(part: float) -> None:
    """Requests, one after the other, which use this part of a processor."""
    while True:
        handle(0.01 * part)
        await asyncio.sleep(0.01 * (1 - part))


async def main(name: str) -> None:
    tasks = [asyncio.create_task(serve(0.7 if name == "busy" else 0.1))]
    await asyncio.sleep(1.2)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()


asyncio.run(main(sys.argv[1]))
