"""Writes numbered records, and a ledger of those that its pulse has: ``numbered.py LEDGER NAME RATE [LIMIT]``.

The file LEDGER/NAME holds how many records the pulse took: those with the indices below that number. It is
written after the record and before the next one, so that a kill leaves at most one record that is not in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

import lifesign
from lifesign.agent import process

LEDGER, NAME, RATE = sys.argv[1:4]
LIMIT = int(sys.argv[4]) if len(sys.argv) > 4 else None
FILE = os.open(os.path.join(LEDGER, NAME), os.O_WRONLY | os.O_CREAT, 0o600)


def note(count: int) -> None:
    if process.peek() is not None:  # without an agent nothing is written
        os.pwrite(FILE, b"%20d" % count, 0)


def event(_: random.Random, index: int) -> dict[str, object]:
    return {"type": NAME, "index": index}


async def main() -> None:
    print("ready", flush=True)
    async with lifesign.DryRun(lambda one: note(one["index"]), events=event, rate=float(RATE), limit=LIMIT) as run:
        await run.wait()
        note(run.count)


asyncio.run(main())
