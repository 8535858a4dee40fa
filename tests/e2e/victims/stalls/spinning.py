"""A loop that spins for some seconds: a callback that arms itself again, or a task that never waits.

usage: spinning.py callback|task. Goes on until its input ends.
"""

from __future__ import annotations

import asyncio
import sys

over = False


def retry_cancel(loop: asyncio.AbstractEventLoop) -> None:
    if not over:
        loop.call_soon(retry_cancel, loop)


async def poll_queue() -> None:
    while not over:
        await asyncio.sleep(0)


async def main(kind: str) -> None:
    global over
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.3)
    if kind == "callback":
        retry_cancel(loop)
    tasks = [asyncio.create_task(poll_queue())] if kind == "task" else []
    await loop.run_in_executor(None, sys.stdin.read)
    over = True
    await asyncio.gather(*tasks)


asyncio.run(main(sys.argv[1]))
