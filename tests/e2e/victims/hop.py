"""Two services with an OpenTelemetry SDK of their own: `hop.py serve` answers, `hop.py call URL` calls it in a dry run.

Each prints what it sees as lines of JSON: the callee a request at a time, the caller its own spans.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import lifesign
from lifesign.agent.dryrun import reporter

reporter.TOTALS_SECONDS = 3600.0  # two events in one second, however slow this machine is

finished = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(finished))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("app")


def ids(span: Any) -> dict[str, Any]:
    context = span.get_span_context()
    return {
        "trace": f"{context.trace_id:032x}",
        "span": f"{context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if getattr(span, "parent", None) else None,
    }


class Callee(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        context = propagate.extract(self.headers)
        with tracer.start_as_current_span("answer", context) as span:
            seen = {**ids(span), "baggage": dict(baggage.get_all(context)), "recorded": span.is_recording()}
        print(json.dumps(seen), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def serve() -> None:
    server = HTTPServer(("127.0.0.1", 0), Callee)
    print(server.server_port, flush=True)
    server.serve_forever()


async def call(url: str) -> None:
    async def handle(event: Any) -> None:
        with tracer.start_as_current_span("book"):
            await asyncio.to_thread(get)

    def get() -> None:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30).close()

    get()  # a real one
    async with lifesign.DryRun(handle, rate=200, limit=2) as run:  # one in two is exported
        await run.wait()
    get()
    print(json.dumps([ids(span) for span in finished.get_finished_spans()]), flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    asyncio.run(call(sys.argv[2]))
