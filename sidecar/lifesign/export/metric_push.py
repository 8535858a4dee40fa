"""Metrics go out on their own clock, with fresh values: one attempt each, never spooled.

The last push has a few attempts: it carries the tombstones, and an alert goes off where those are missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Sequence

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics

from lifesign.export.metrics import Metrics
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, Retry
from lifesign.off_loop import off_loop

_LAST_PAUSES = (0.1, 0.4)  # seconds between the attempts of the last push

_logger = logging.getLogger("lifesign")


class MetricPush:
    """Sends what `metrics` collects every `interval` seconds, and at once when `now` is called."""

    def __init__(self, metrics: Metrics, channel: Channel, interval: float) -> None:
        self.channel = channel
        self.metrics = metrics
        self._interval = interval
        self._due = asyncio.Event()
        self._closing = False
        self._held_until = 0.0  # monotonic seconds; the Collector asked to be left alone until then

    def now(self) -> None:
        """Something happened, such as the end of a process: it waits only where the Collector asked for a pause."""
        self._due.set()

    def finish(self) -> None:
        """Asks `run` to return after one more push."""
        self._closing = True
        self._due.set()

    async def run(self) -> None:
        """Pushes until `finish`."""
        next_at = time.monotonic() + self._interval
        while True:
            try:
                wake_at = max(next_at, self._held_until)
                await asyncio.wait_for(self._due.wait(), max(0.0, wake_at - time.monotonic()))
            except asyncio.TimeoutError:
                next_at = time.monotonic() + self._interval
            self._due.clear()
            if self._closing:
                await self._push_last()
                return
            if not self._is_held:
                await self._push()

    @property
    def _is_held(self) -> bool:
        return time.monotonic() < self._held_until

    async def _push_last(self) -> None:
        """A few attempts, and one even in a pause that the Collector asked for: there is no later one."""
        for pause in _LAST_PAUSES:
            if await self._push() or self._is_held:
                return
            await asyncio.sleep(pause)
        await self._push()

    async def _push(self) -> bool:
        """One attempt; whether there is nothing left to try."""
        try:
            return await self._attempt()
        except Exception:
            _logger.exception("lifesign: metrics could not be sent; it goes on")
            return False

    async def _attempt(self) -> bool:
        collection = await off_loop(self.metrics.collect)
        if not collection.data.resource_metrics:
            return True
        outcome = await self._send(collection.data.resource_metrics)
        if isinstance(outcome, Retry) and outcome.after is not None:
            self._held_until = time.monotonic() + outcome.after
        if isinstance(outcome, Delivered):
            self.metrics.forget(collection.gone)
            return True
        if isinstance(outcome, Refused):
            # Points that were refused will not be taken later either, not even the last ones of a process.
            self.metrics.forget(collection.gone)
        target = self.channel.exporter.target
        self.channel.complaint.say("metrics do not reach %s: %s", target.shown, outcome.why)
        return isinstance(outcome, Refused)

    async def _send(self, of_resources: Sequence[ResourceMetrics]) -> Outcome:
        """Sends them in one request, or in halves where it is the request that fails: one must not cost the others."""
        outcome = await self.channel.attempt(MetricsData(of_resources))
        if not (isinstance(outcome, Refused) and outcome.divisible and len(of_resources) > 1):
            return outcome
        middle = len(of_resources) // 2
        first = await self._send(of_resources[:middle])
        if isinstance(first, Retry):
            return first
        second = await self._send(of_resources[middle:])
        return first if isinstance(second, Delivered) else second
