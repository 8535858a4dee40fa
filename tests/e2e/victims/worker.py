"""Work with a result: the same standard output and exit code whatever befalls the run directory.

It says ``ready``, waits for a line, works, and ends with 7. On standard error it says how much its memory grew.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys

import lifesign

ROUNDS = 60


@lifesign.postcondition("it adds up", every=0.05)
def adds_up() -> bool:
    return True


def resident() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def work() -> None:
    lifesign.checkpoint("before")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    digest = hashlib.sha256()
    warm = 0
    for number in range(ROUNDS):
        async with lifesign.checkpoint(f"round {number}"):
            for _ in range(200):
                lifesign.event(f"order {number}")
            await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(20)))
        lifesign.dump_tasks()
        assert (await lifesign.check_postconditions()).passed
        digest.update(b"%d" % number)
        if number == ROUNDS // 3:
            warm = resident()
    print(digest.hexdigest(), flush=True)
    os.write(2, f"grown {resident() - warm}\n".encode())


asyncio.run(work())
sys.exit(7)
