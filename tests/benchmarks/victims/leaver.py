"""Makes 2,000 records, says so, and ends when a line comes in. usage: leaver.py lifesign | sdk"""

from __future__ import annotations

import asyncio
import sys

RECORDS = 2000
RATE = 5000


async def with_lifesign() -> None:
    import lifesign
    from lifesign.agent.dryrun import reporter

    reporter.EVENTS_A_SECOND = 2 * RATE  # every one is a record
    async with lifesign.DryRun(lambda event: None, rate=RATE, limit=RECORDS, force=True) as run:
        await run.wait()
        ready()


def with_sdk() -> None:
    import in_process_sdk

    providers = in_process_sdk.over_http()
    tracer = providers[0].get_tracer("app")
    for index in range(RECORDS):
        tracer.start_span(f"order {index}").end()
    ready()
    for provider in providers:
        provider.shutdown()


def ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if sys.argv[1] == "sdk":
    with_sdk()
else:
    asyncio.run(with_lifesign())
