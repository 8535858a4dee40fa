"""The pump: from the spool to the Collector, batch by batch, until the Collector has said that it has each."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Any, Mapping, Sequence

from opentelemetry.sdk.resources import Resource as SdkResource

from lifesign.export import encode
from lifesign.export.backoff import Backoff
from lifesign.export.complaint import Complaint
from lifesign.export.off_loop import off_loop
from lifesign.export.otlp import Exporter
from lifesign.export.outcome import Delivered, Refused, Retry
from lifesign.export.spool import Batch, Spool
from lifesign.export.targets import LOGS, TRACES
from lifesign.watch.signals import Signal, Span

BATCH = 512  # signals

_logger = logging.getLogger("lifesign")


class Lane:
    """The way of one kind of telemetry to the Collector."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.backoff = Backoff()
        self.complaint = Complaint()
        self.error: str | None = None  # why it fails, None while it works
        self.last_success: float | None = None  # monotonic seconds

    async def attempt(self, items: Any) -> Delivered | Retry | Refused:
        """One attempt, off the event loop."""
        outcome = await off_loop(partial(self.exporter.export, items))
        target = self.exporter.target
        if isinstance(outcome, Delivered):
            self.backoff.reset()
            self.complaint.over("%s reach %s again", target.kind, target.shown)
            self.error = None
            self.last_success = time.monotonic()
        else:
            self.error = f"{target.kind} to {target.shown}: {outcome.why}"
        return outcome


class Delivery:
    """Delivers what is in the spool.

    Args:
        spool: where signals come from.
        exporters: by kind; signals of a kind that has none are thrown away.
    """

    def __init__(self, spool: Spool, exporters: Mapping[str, Exporter]) -> None:
        self._spool = spool
        self.lanes = {kind: Lane(exporters[kind]) for kind in (TRACES, LOGS) if kind in exporters}
        self.rejected = 0  # signals that the Collector refused
        self._closing = asyncio.Event()
        self._undeliverable = Complaint()

    def finish(self) -> None:
        """Asks `run` to return when the spool is empty, or else after one failed attempt."""
        self._closing.set()
        self._spool.arrived.set()

    async def run(self) -> None:
        """Delivers until `finish`."""
        backoff = Backoff()
        while True:
            try:
                batch = await self._spool.read(BATCH)
                if batch is None:
                    if self._closing.is_set():
                        return
                    await self._spool.arrived.wait()
                    continue
                if not await self._deliver(batch):
                    return
                await self._spool.commit(batch)
                backoff.reset()
            except Exception:
                # Nothing is known to get here. A pump that stops in silence would be the worst of all failures.
                _logger.exception("lifesign: the delivery failed; it goes on")
                if self._closing.is_set():
                    return
                await self._pause(backoff.next(None))

    async def _deliver(self, batch: Batch) -> bool:
        """Sees the whole batch through; False when it gave up because the sidecar ends."""
        resources = {key: encode.resource(resource) for key, resource in batch.resources.items()}
        halves: dict[str, list[tuple[Signal, Any]]] = {TRACES: [], LOGS: []}
        for signal in batch.signals:
            kind = TRACES if isinstance(signal, Span) else LOGS
            if kind in self.lanes:
                try:
                    halves[kind].append((signal, _encoded(signal, resources)))
                except ValueError as error:
                    await self._reject([signal], 1, str(error))
        # Side by side, so that a kind the Collector does not take holds up no more than it must.
        done = await asyncio.gather(*(self._send(self.lanes[kind], half) for kind, half in halves.items() if half))
        return all(done)

    async def _send(self, lane: Lane, half: Sequence[tuple[Signal, Any]]) -> bool:
        while True:
            outcome = await lane.attempt([item for _, item in half])
            if isinstance(outcome, Delivered):
                return True
            if isinstance(outcome, Refused):
                if outcome.divisible and len(half) > 1:
                    middle = len(half) // 2
                    return await self._send(lane, half[:middle]) and await self._send(lane, half[middle:])
                why = f"{lane.exporter.target.kind} refused by {lane.exporter.target.shown}: {outcome.why}"
                await self._reject(
                    [signal for signal, _ in half], len(half) if outcome.count is None else outcome.count, why
                )
                return True
            target = lane.exporter.target
            lane.complaint.say(
                "%s do not reach %s: %s; %d bytes wait in the spool, trying again",
                target.kind,
                target.shown,
                outcome.why,
                self._spool.size,
            )
            if self._closing.is_set():
                return False
            await self._pause(lane.backoff.next(outcome.after))

    async def _reject(self, signals: Sequence[Signal], count: int, why: str) -> None:
        self.rejected += count
        self._undeliverable.say("%d of %d records cannot be delivered: %s", count, len(signals), why)
        await self._spool.set_aside(signals, why)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except asyncio.TimeoutError:
            return


def _encoded(signal: Signal, resources: Mapping[str, SdkResource]) -> Any:
    resource = resources[signal.resource]
    return encode.span(signal, resource) if isinstance(signal, Span) else encode.log(signal, resource)
