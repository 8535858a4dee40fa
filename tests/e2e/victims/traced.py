"""An app with an OpenTelemetry SDK of its own: its tasks run under its spans."""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("app")


async def handle():
    await asyncio.sleep(60)


async def main():
    with tracer.start_as_current_span("request") as span:
        task = asyncio.ensure_future(handle())
        await asyncio.sleep(0)
        context = span.get_span_context()
        print(f"{context.trace_id:032x} {context.span_id:016x}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    task.cancel()


asyncio.run(main())
