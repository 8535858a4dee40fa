"""Uses every part of the agent, on any Python that it runs on."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

import lifesign


@lifesign.postcondition("sync holds")
def sync_holds():
    return True


@lifesign.postcondition("async fails")
async def async_fails():
    return False, "as it should"


async def numbers():
    while True:
        await asyncio.sleep(60)
        yield 1


async def consume():
    async for _ in numbers():
        pass


async def main():
    async with lifesign.checkpoint("broker connected"):
        await asyncio.sleep(0.1)
    tasks = [asyncio.ensure_future(consume()) for _ in range(120)]
    (pulse,) = Path(os.environ["LIFESIGN_DIR"]).glob(f"{os.getpid()}-*/pulse")
    signal.signal(signal.SIGUSR1, lambda *_: lifesign.event("signal"))
    for _ in range(50):
        lifesign.event("order")
        os.kill(os.getpid(), signal.SIGUSR1)
    other = threading.Thread(target=asyncio.run, args=(asyncio.sleep(0.3),))
    other.start()
    async with lifesign.DryRun(lambda event: None, rate=100, limit=3, force=True) as run:
        await run.wait()
    report = await lifesign.check_postconditions()
    assert not report.passed
    lifesign.dump_tasks()
    for _ in range(300):  # it is taken by another thread
        await asyncio.sleep(0.1)
        if b'"kind":"task_dump"' in pulse.read_bytes():
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    other.join()


def child():
    asyncio.run(asyncio.sleep(0.1))


if __name__ == "__main__":
    lifesign.checkpoint("config loaded")
    asyncio.run(main())
    for method in ("spawn", "fork"):
        process = multiprocessing.get_context(method).Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0, process.exitcode
    foreign = {name.partition(".")[0] for name in sys.modules if "opentelemetry" in name or "msgspec" in name}
    assert not foreign, foreign
    sys.exit(7)
