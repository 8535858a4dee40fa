"""Writes records into its pulse at an even rate. usage: records.py RATE SECONDS; says how many, and ends."""

from __future__ import annotations

import asyncio
import sys

import lifesign
from lifesign.agent.dryrun import reporter

RATE, SECONDS = float(sys.argv[1]), float(sys.argv[2])


async def handler(event: object) -> None:
    pass


async def main() -> None:
    reporter.EVENTS_A_SECOND = int(2 * RATE)  # every one is a record
    async with lifesign.DryRun(handler, rate=RATE, limit=int(RATE * SECONDS), force=True) as run:
        await run.wait()
        await asyncio.sleep(1.0)  # a poll of the sidecar, before the process ends
    print(run.count, flush=True)


asyncio.run(main())
