"""What lifesign's calls are compared with: the nearest of the in-process SDK, which exports to nowhere."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from in_process_sdk import providers
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import SpanExportResult

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.dryrun.reporter import written
from lifesign.wire.reader import PulseReader

MARKS_MAX = 20  # at a time: the boot lane never wraps, and takes some two hundred and fifty
BLOCKS_MAX = 5  # three records each
TRACE, SPAN, NOW = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", 1_700_000_000_000_000_000
RECORD_ATTRIBUTES = {
    "kind": "dry_run",
    "trace": TRACE,
    "id": SPAN,
    "type": "order",
    "index": 7,
    "start": NOW,
    "end": NOW,
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


def current_span() -> None:
    with tracer.start_as_current_span("work"):
        pass


def block() -> None:
    with lifesign.checkpoint("ready"):
        pass


def log() -> None:
    logger.emit(body="order", event_name="order", attributes=RECORD_ATTRIBUTES)


class Call(NamedTuple):
    """What is called, and how often at a time at most; 0 for as often as one likes."""

    call: Callable[[], Any]
    at_most: int = 0


def compared() -> dict[str, Call]:
    agent = lifecycle.running()
    assert agent is not None
    ring = agent.pulse.ring
    return {
        "event": Call(lambda: lifesign.event("order")),
        "counter": Call(lambda: counter.add(1, attributes)),
        "mark": Call(lambda: lifesign.checkpoint("ready"), MARKS_MAX),
        "span": Call(span),
        "block": Call(block, BLOCKS_MAX),
        "current": Call(current_span),
        "ring": Call(lambda: ring.write(written(TRACE, SPAN, "order", 7, NOW, NOW, None, 1))),
        "log": Call(log),
    }


class Beats:
    """Loops that do nothing but beat. `ours` is over once lifesign has been stopped."""

    def __init__(self, interval: float) -> None:
        folder = next(path for path in Path(os.environ["LIFESIGN_DIR"]).iterdir() if (path / "pulse").exists())
        self._reader = PulseReader(os.open(folder, os.O_RDONLY))
        self._interval = interval

    async def ours(self, seconds: float) -> tuple[int, int]:
        """Turns, and the processor nanoseconds of the loop's thread."""
        before = self._beats()
        used = await _idle(seconds)
        return self._beats() - before, used

    def refused(self) -> int:
        """How many checkpoints found no place."""
        return self._reader.boot().refused

    def _beats(self) -> int:
        return sum(loop.beats for loop in self._reader.vitals().loops if loop)

    async def theirs(self, seconds: float) -> tuple[int, int]:
        """Of a timer that feeds a histogram."""
        loop, turns = asyncio.get_running_loop(), 0

        def turn(due: float) -> None:
            nonlocal turns
            turns += 1
            histogram.record(max(0.0, time.monotonic() - due))
            loop.call_later(self._interval, turn, time.monotonic() + self._interval)

        loop.call_later(self._interval, turn, time.monotonic() + self._interval)
        used = await _idle(seconds)
        return turns, used

    async def bare(self, seconds: float) -> tuple[int, int]:
        """Of a timer that does nothing: what asyncio takes by itself."""
        loop, turns = asyncio.get_running_loop(), 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_later(self._interval, turn)

        loop.call_later(self._interval, turn)
        used = await _idle(seconds)
        return turns, used


async def _idle(seconds: float) -> int:
    used = time.thread_time_ns()
    await asyncio.sleep(seconds)
    return time.thread_time_ns() - used
