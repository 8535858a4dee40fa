"""The same events to a handler that does nothing, by our generator and by loops; prints JSON.

usage: dryrun.py EVENTS

Events a second of processor time, of the whole process, by who made them: ``bare`` a loop with nothing, ``ours`` as it
comes, ``all`` with every event exported, ``sdk`` a loop with an in-process OpenTelemetry span each. That loads
the SDK; ``both`` is ours once more in such a process, where the tag goes into the SDK's context too.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any, Awaitable

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.dryrun import reporter
from lifesign.agent.dryrun.samples import sample_events

EVENTS = int(sys.argv[1])


as_it_comes = reporter.EVENTS_A_SECOND


async def handler(event: Any) -> None:
    pass


async def ours(reported: int = as_it_comes) -> None:
    reporter.EVENTS_A_SECOND = reported
    async with lifesign.DryRun(handler, rate=1e9, limit=EVENTS, force=True) as run:
        await run.wait()
    assert (run.count, run.failed) == (EVENTS, 0)


def app_tracer() -> Any:
    """Of an SDK in this process, whose spans are batched and go nowhere."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return provider.get_tracer("app")


async def sdk(tracer: Any) -> None:
    rng, factories = random.Random(42), sample_events()
    for index in range(EVENTS):
        event = factories[index % 3](rng, index)
        attributes = {
            "user_agent.synthetic.type": "test",
            "lifesign.dry_run.type": event["type"],
            "lifesign.dry_run.index": index,
        }
        with tracer.start_as_current_span(f"dry_run {event['type']}", attributes=attributes):
            await handler(event)


async def bare() -> None:
    rng, factories = random.Random(42), sample_events()
    for index in range(EVENTS):
        await handler(factories[index % 3](rng, index))


async def rate(run: Awaitable[None]) -> float:
    used = time.process_time()
    await run
    return EVENTS / (time.process_time() - used)


async def main() -> None:
    assert lifecycle.running() is not None
    found = {"bare": await rate(bare()), "ours": await rate(ours()), "all": await rate(ours(10**9))}
    assert "opentelemetry" not in sys.modules
    found["sdk"] = await rate(sdk(app_tracer()))
    found["both"] = await rate(ours())
    print(json.dumps(found))


asyncio.run(main())
