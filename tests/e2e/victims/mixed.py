"""Real work and a dry run side by side; every name says which of the two it is."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import lifesign


def real_check() -> tuple[bool, str]:
    return False, "real reason"


def synthetic_check() -> tuple[bool, str]:
    return False, "synthetic reason"


@lifesign.dry_run_handler
async def handle(event: dict[str, Any]) -> None:
    await asyncio.sleep(0)
    if event["id"].endswith("-3"):
        lifesign.checkpoint("synthetic checkpoint")
        await lifesign.check_postconditions(synthetic_check)
    # Last, with no await behind it: an event that is cancelled at the end is not counted at all.
    lifesign.event("order")
    lifesign.event("synthetic order")
    if event["type"] == "order":
        raise RuntimeError("synthetic failure")


async def work() -> None:
    while True:
        lifesign.event("order")
        lifesign.event("real order")
        await asyncio.sleep(0.01)


async def main() -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    working = asyncio.create_task(work())
    lifesign.checkpoint("real checkpoint")
    await lifesign.check_postconditions(real_check)
    while True:
        run = lifesign.dry_run()
        if run is not None and run.count >= 40:
            break
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await ending.wait()
    working.cancel()


asyncio.run(main())
