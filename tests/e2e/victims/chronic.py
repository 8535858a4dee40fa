"""A service with the illnesses that only its metrics show, each begun by a line on its standard input.

It says ``ready PID`` when its loop runs, and ends when its input does. Its check does not hold from the
start with the argument ``unfit``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any, Awaitable, Callable

import lifesign

fit = "unfit" not in sys.argv


@lifesign.postcondition("desk is open", every=0.2)
async def desk_is_open() -> bool:
    return fit


async def close() -> None:
    global fit
    fit = False


async def leak() -> None:
    """Tasks that nobody waits for, and that wait for nothing that comes."""
    never = asyncio.Event()
    forgotten = [asyncio.create_task(never.wait()) for _ in range(3000)]
    await asyncio.gather(*forgotten)


async def slow() -> None:
    """Every step of the loop is too long, and none is so long that it counts as blocked."""
    while True:
        time.sleep(0.4)
        await asyncio.sleep(0.01)


async def pause() -> None:
    """One step that counts as blocked, and is over soon."""
    time.sleep(2.5)


async def flood() -> None:
    """More records than the smallest ring holds."""
    for _ in range(1000):
        await lifesign.check_postconditions()
    print("flooded", flush=True)


async def dry_run() -> None:
    async with lifesign.DryRun(lambda _: lifesign.event("order"), rate=50) as run:
        await run.wait()


ILLNESSES: dict[str, Callable[[], Awaitable[Any]]] = {
    "close": close, "leak": leak, "slow": slow, "pause": pause, "flood": flood, "dry run": dry_run,
}  # fmt: skip


async def main() -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()

    def take() -> None:
        for line in os.read(0, 4096).decode().splitlines() or ["end"]:
            lines.put_nowait(line)

    asyncio.get_running_loop().add_reader(0, take)
    print("ready", os.getpid(), flush=True)
    suffered = []
    while (line := await lines.get()) != "end":
        suffered.append(asyncio.ensure_future(ILLNESSES[line]()))


asyncio.run(main())
