"""A service that shows all signals: beats, a boot, a failing post-condition, synthetic events, tasks, short stalls."""

from __future__ import annotations

import asyncio
import signal
import time

import lifesign


@lifesign.postcondition("database connected")
async def database_connected() -> tuple[bool, str]:
    return False, "refused by 10.0.0.7"


@lifesign.postcondition("rules loaded")
def rules_loaded() -> bool:
    return True


async def wait_for_work(queue: asyncio.Queue[None]) -> None:
    await queue.get()


def load_rates() -> None:
    time.sleep(0.4)


async def load_again_and_again() -> None:
    while True:
        await asyncio.sleep(0.5)
        load_rates()


async def main() -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    queue: asyncio.Queue[None] = asyncio.Queue()
    workers = [asyncio.create_task(wait_for_work(queue), name=f"worker-{number}") for number in range(5)]
    with lifesign.checkpoint("broker connected"):
        await asyncio.sleep(0.05)
    lifesign.event("order")
    async with lifesign.DryRun(lambda _: lifesign.event("order"), rate=100, limit=3, force=True) as run:
        await run.wait()
    workers.append(asyncio.create_task(load_again_and_again(), name="rates"))
    print("ready", flush=True)
    await ending.wait()
    for worker in workers:
        worker.cancel()


lifesign.checkpoint("config loaded")
asyncio.run(main())
