"""Calls of lifesign and of the in-process SDK in turn, timed; prints JSON. usage: calls.py BATCHES.

``alone``: processor nanoseconds per call of the whole process, one figure a batch.
``beside``: wall clock nanoseconds of single calls beside a thread that computes: p50, p99, the longest.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

from in_process_sdk import providers
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult

import lifesign
from lifesign.agent import lifecycle
from lifesign.wire.reader import PulseReader

CALLS = 2000
MARKS = 20  # the boot lane never wraps: it takes some two hundred marks
SINGLE = 3000
BEAT = 0.001
RECORD = {
    "kind": "dry_run",
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "id": "00f067aa0ba902b7",
    "type": "order",
    "index": 7,
    "start": 1_700_000_000_000_000_000,
    "end": 1_700_000_000_000_000_000,
    "error": None,
    "adjusted_count": 1,
}


class Nowhere:
    """An exporter of anything that costs nothing."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def export(self, *_: Any, **__: Any) -> Any:
        return self._result

    def shutdown(self, *_: Any, **__: Any) -> None:
        pass

    def force_flush(self, *_: Any) -> bool:
        return True


class MetricsNowhere(ConsoleMetricExporter):
    def export(self, *_: Any, **__: Any) -> Any:
        return MetricExportResult.SUCCESS


tracing, logging, metering = providers(
    Nowhere(SpanExportResult.SUCCESS), Nowhere(LogRecordExportResult.SUCCESS), MetricsNowhere(), 1.0
)
tracer, logger, meter = tracing.get_tracer("app"), logging.get_logger("app"), metering.get_meter("app")
counter = meter.create_counter("events")
histogram = meter.create_histogram("delay", unit="s")
attributes = {"name": "order"}


def span() -> None:
    tracer.start_span("work").end()


def log() -> None:
    logger.emit(body="order", event_name="order", attributes=RECORD_ATTRIBUTES)


RECORD_ATTRIBUTES = {name: value for name, value in RECORD.items() if value is not None}


def per_call(call: Callable[[], Any], calls: int) -> float:
    used = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - used) / calls


def single(call: Callable[[], Any], calls: int) -> list[int]:
    took = []
    for _ in range(calls):
        started = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - started)
    took.sort()
    return [took[len(took) // 2], took[len(took) * 99 // 100], took[-1]]


async def idle(seconds: float) -> int:
    used = time.thread_time_ns()
    await asyncio.sleep(seconds)
    return time.thread_time_ns() - used


def loop_beats() -> tuple[float, float]:
    """Processor nanoseconds of the loop's thread per turn of a timer: ours, and one that feeds a histogram."""
    folder = next(path for path in Path(os.environ["LIFESIGN_DIR"]).iterdir() if (path / "pulse").exists())
    reader = PulseReader(os.open(folder, os.O_RDONLY))

    async def ours() -> float:
        before = sum(loop.beats for loop in reader.vitals().loops if loop)
        used = await idle(0.5)
        return used / (sum(loop.beats for loop in reader.vitals().loops if loop) - before)

    async def theirs() -> float:
        loop, turns = asyncio.get_running_loop(), 0

        def turn(due: float) -> None:
            nonlocal turns
            turns += 1
            histogram.record(max(0.0, time.monotonic() - due))
            loop.call_later(BEAT, turn, time.monotonic() + BEAT)

        turn(time.monotonic())
        used = await idle(0.5)
        return used / turns

    ours_found = asyncio.run(ours())
    lifesign.stop()
    return ours_found, asyncio.run(theirs())


def main() -> None:
    agent = lifecycle.running()
    assert agent is not None
    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "event": (lambda: lifesign.event("order"), CALLS),
        "counter": (lambda: counter.add(1, attributes), CALLS),
        "mark": (lambda: lifesign.checkpoint("ready"), MARKS),
        "span": (span, CALLS),
        "ring": (lambda: agent.pulse.ring.append(RECORD), CALLS),
        "log": (log, CALLS),
    }
    alone: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(int(sys.argv[1])):
        for name, (call, count) in calls.items():
            alone[name].append(per_call(call, count))
    busy = True

    def compute() -> None:
        while busy:
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    beside = {name: single(call, min(count * 2, SINGLE)) for name, (call, count) in calls.items()}
    busy = False
    thread.join()
    ours, theirs = loop_beats()
    alone["beat"], alone["histogram"] = [ours], [theirs]
    print(json.dumps({"alone": alone, "beside": beside}))


main()
