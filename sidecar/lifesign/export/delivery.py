"""From a spool to the Collector, batch by batch, each retried until the Collector has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Mapping, Sequence

from opentelemetry.sdk.resources import Resource as SdkResource

from lifesign.export.complaint import Complaint
from lifesign.export.otlp import encode
from lifesign.export.otlp.channel import Backoff, Channel
from lifesign.export.otlp.outcome import Delivered, Refused
from lifesign.export.queue.spool import Batch, Spool
from lifesign.watch.telemetry import Log, Span, Telemetry

BATCH = 512  # records

_logger = logging.getLogger("lifesign")


class Delivery:
    """Delivers what is in `spool` by `channel`."""

    def __init__(self, spool: Spool, channel: Channel) -> None:
        self._spool = spool
        self._channel = channel
        self._closing = asyncio.Event()
        self._undeliverable = Complaint()
        self._unreadable = Complaint()

    def finish(self) -> None:
        """Asks `run` to return when the spool is empty, or else after one failed attempt."""
        self._closing.set()
        self._spool.arrived.set()

    async def run(self) -> None:
        """Delivers until `finish`."""
        backoff = Backoff()
        while True:
            try:
                # Both before it reads: whatever comes meanwhile, even the end, is another reason to read.
                self._spool.arrived.clear()
                closing = self._closing.is_set()
                batch = await self._spool.read(BATCH)
                if batch is None:
                    if closing:
                        return
                    await self._spool.arrived.wait()
                    continue
                if not await self._deliver(batch):
                    return
                await self._spool.commit(batch)
                backoff.reset()
                continue
            except MemoryError:
                self._unreadable.say("there is no memory to encode what waits; trying again")
            except OSError as error:
                self._unreadable.say("the spool cannot be read: %s; trying again", error.strerror)
            except Exception:
                # Nothing is known to get here. A delivery that stops silently would be the worst of all failures.
                _logger.exception("lifesign: the delivery failed; it goes on")
            if self._closing.is_set():
                return
            await self._pause(backoff.next(None))

    async def _deliver(self, batch: Batch) -> bool:
        """Delivers the whole batch; False when it gave up because the sidecar ends."""
        resources = {key: encode.resource(resource) for key, resource in batch.resources.items()}
        items: list[tuple[Telemetry, Any]] = []
        for record in batch.records:
            try:
                items.append((record, _encoded(record, resources)))
            except MemoryError:
                raise  # that is no fault of the record
            except Exception as error:  # noqa: BLE001 - one record must not stop those behind it
                await self._reject([record], 1, f"it cannot be encoded: {error}")
        return not items or await self._send(items)

    async def _send(self, items: Sequence[tuple[Telemetry, Any]]) -> bool:
        channel = self._channel
        target = channel.exporter.target
        while True:
            outcome = await channel.attempt([item for _, item in items])
            if isinstance(outcome, Delivered):
                return True
            if isinstance(outcome, Refused):
                if outcome.divisible and len(items) > 1:
                    middle = len(items) // 2
                    return await self._send(items[:middle]) and await self._send(items[middle:])
                why = f"{target.kind} refused by {target.shown}: {outcome.why}"
                # No more than was sent, whatever the answer says.
                count = len(items) if outcome.count is None else min(outcome.count, len(items))
                await self._reject([record for record, _ in items], count, why)
                return True
            channel.complaint.say(
                "%s do not reach %s: %s; %d bytes wait in the spool, trying again",
                target.kind,
                target.shown,
                outcome.why,
                self._spool.size,
            )
            if self._closing.is_set():
                return False
            await self._pause(channel.backoff.next(outcome.after))

    async def _reject(self, records: Sequence[Telemetry], count: int, why: str) -> None:
        self._undeliverable.say("%d of %d records cannot be delivered: %s", count, len(records), why)
        await self._spool.set_aside(records, count, why)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except asyncio.TimeoutError:
            return


def _encoded(record: Telemetry, resources: Mapping[str, SdkResource]) -> Any:
    resource = resources[record.resource]
    if isinstance(record, Span):
        return encode.span(record, resource)
    return encode.log(record, resource) if isinstance(record, Log) else (record, resource)
