"""The sidecar's durable queue: records of one kind wait here until the Collector has them.

On disk it is a directory with numbered segments of JSON lines, ``rejected.jsonl``, and ``counts.json``:
the cursor before which everything is delivered or counted, and what was lost up to there. While the disk takes
nothing, records wait in memory, bounded, and can be delivered from there. Without a directory they
always wait in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import AsyncIterator, Iterable, NamedTuple, Sequence

from lifesign.export.complaint import Complaint
from lifesign.export.queue.disk import DiskQueue
from lifesign.export.queue.memory import MemoryQueue
from lifesign.export.queue.offsets import Offsets, Position
from lifesign.export.queue.reader import BATCH_BYTES
from lifesign.export.queue.segments import Entry, LineError, encode_line
from lifesign.off_loop import off_loop
from lifesign.watch.telemetry import Resource, Telemetry

LINE_MAX = 1 << 20  # bytes
MEMORY_MAX = 8 << 20  # bytes of records that no disk takes

_logger = logging.getLogger("lifesign")


class Batch(NamedTuple):
    """Records to deliver, the resources they refer to by key, and the place after them.

    `end` is None for records that never were on disk.
    """

    resources: dict[str, Resource]
    records: list[Telemetry]
    end: Position | None


class InFlight:
    """The batch that was read and is not yet delivered; records of it that are on no disk stay leased from memory."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.refused = 0  # records


class Spool:
    """See the module. Made by `Spool.open`; its methods may be called from several tasks of one event loop."""

    def __init__(self, directory: Path | None, limit: int) -> None:
        self._offsets = Offsets(directory)
        self._disk = DiskQueue(directory, limit, self._offsets) if directory is not None else None
        self._lock = asyncio.Lock()
        self._memory = MemoryQueue(min(limit, MEMORY_MAX))
        self._in_flight: InFlight | None = None
        self._asked: float | None = None  # since when the disk is asked for something, monotonic seconds
        self._full_complaint = Complaint()
        self._invalid_complaint = Complaint()
        self.arrived = asyncio.Event()  # something may be there to read; whoever reads clears it before

    @classmethod
    async def open(cls, directory: Path | None, limit: int) -> Spool:
        """Opens the spool, with what an earlier life left in it.

        Args:
            directory: an existing directory that this process holds; None for a spool in memory only.
            limit: most bytes of records; the oldest go first.

        Raises:
            OSError: it cannot be read.
        """
        spool = await off_loop(cls, directory, limit)
        await spool._offsets.save()
        if spool._disk is not None:
            spool._complain(await spool._disk.trim())
        return spool

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        return self._memory.size + (self._disk.size if self._disk is not None else 0)

    @property
    def dropped(self) -> dict[str, int]:
        """Records lost since the spool was made: ``spool`` for want of room, ``invalid`` as not readable."""
        return {"spool": self._offsets.counts.spool, "invalid": self._offsets.counts.invalid}

    @property
    def rejected(self) -> int:
        """Records that the Collector refused since the spool was made."""
        return self._offsets.counts.rejected

    @property
    def has_room(self) -> bool:
        """Whether there is room in memory for more: records that come faster than the disk takes them wait there."""
        return self._memory.has_room

    @property
    def standstill(self) -> float:
        """Seconds for which the disk has not answered a call; 0 while none is pending."""
        return 0.0 if self._asked is None else time.monotonic() - self._asked

    def put(self, resources: Iterable[Resource], records: Sequence[Telemetry]) -> None:
        """Takes records, for now into memory.

        Args:
            resources: at least those that `records` refer to.
            records: in the order in which they are to be delivered.
        """
        self._admit(resources, records)
        self.arrived.set()

    async def flush(self) -> bool:
        """Writes what was put so far; whether a kill would lose nothing of that.

        False where the disk refuses. Then what memory does not hold is lost, the oldest first.
        """
        # Shielded, here and below: a write goes on in its thread when the caller is cancelled, and must be counted.
        return await asyncio.shield(self._flush())

    async def _flush(self) -> bool:
        there = self._memory.added
        async with self._at_disk():
            await self._write()
            return self._disk is None or (self._memory.gone >= there and not self._memory.leased)

    @contextlib.asynccontextmanager
    async def _at_disk(self) -> AsyncIterator[None]:
        """The disk is asked for one thing at a time."""
        async with self._lock:
            self._asked = time.monotonic()
            try:
                yield
            finally:
                self._asked = None

    def _admit(self, resources: Iterable[Resource], records: Sequence[Telemetry]) -> None:
        encoded: dict[str, tuple[Resource, bytes]] = {}
        for resource in resources:
            try:
                encoded[resource.key] = (resource, encode_line(resource))
            except LineError as error:
                _logger.warning("lifesign: the resource %r %s", resource.key, error)
        for record in records:
            try:
                line = encode_line(record)
                if len(line) > LINE_MAX:
                    raise LineError(f"is too long: {len(line)} bytes")
                if record.resource not in encoded:
                    raise LineError(f"belongs to {record.resource!r}, of which there is no resource")
            except LineError as error:
                self._offsets.counts.add(invalid=1)
                self._invalid_complaint.say("a record cannot be spooled: it %s", error)
            else:
                self._memory.add(Entry(record, line, *encoded[record.resource]))

    async def _write(self) -> None:
        lost, refused = 0, True
        if self._disk is not None:
            lost, refused = await self._write_to(self._disk)
        if refused:
            trimmed = self._memory.trim()
            self._offsets.counts.add(spool=trimmed)
            lost += trimmed
        self._complain(lost)
        await self._offsets.save()

    async def _write_to(self, disk: DiskQueue) -> tuple[int, bool]:
        """What waits; returns how many old records made room for it, and whether the disk refuses some of it.

        A batch that was read from memory may be on its way for hours: once the disk takes it, it belongs there too,
        even if it is then delivered twice.
        """
        there = self._memory.added
        lost = await disk.write(self._memory)
        return lost, self._memory.gone < there

    def _complain(self, lost: int) -> None:
        if lost:
            self._full_complaint.say(
                "the spool is full: the oldest %d records are lost, %d so far", lost, self._offsets.counts.spool
            )

    async def read(self, limit: int) -> Batch | None:
        """The oldest records, at most `limit`; None when there are none. The same until they are committed.

        Raises:
            OSError: a file cannot be opened for now.
        """
        return await asyncio.shield(self._read(limit))

    async def _read(self, limit: int) -> Batch | None:
        async with self._at_disk():
            if self._in_flight is None:
                there = self._memory.added
                await self._write()
                batch = await self._read_disk(limit) or self._read_memory(limit, there)
                self._in_flight = InFlight(batch) if batch is not None else None
            if self._in_flight is None:
                return None
            self._in_flight.refused = 0  # read once more, it is delivered once more
            return self._in_flight.batch

    async def _read_disk(self, limit: int) -> Batch | None:
        if self._disk is None:
            return None
        resources, records, end = await self._disk.read(limit)
        return Batch(resources, records, end) if records else None

    def _read_memory(self, limit: int, there: int) -> Batch | None:
        """Of the first `there` records those that no disk took; what came meanwhile it has not been offered yet."""
        entries = self._memory.lease(min(limit, there - self._memory.gone), BATCH_BYTES)
        if not entries:
            return None
        return Batch(
            {entry.resource.key: entry.resource for entry in entries}, [entry.record for entry in entries], None
        )

    async def commit(self, batch: Batch) -> None:
        """`batch`, the one read last, is delivered or counted."""
        await asyncio.shield(self._commit(batch))

    async def _commit(self, batch: Batch) -> None:
        async with self._at_disk():
            if self._in_flight is None or batch is not self._in_flight.batch:
                return
            self._offsets.counts.add(rejected=self._in_flight.refused)
            self._in_flight = None
            self._memory.drop_leased()
            if self._disk is not None and batch.end is not None:
                await self._disk.move_cursor(batch.end)
            else:
                await self._offsets.save()

    async def set_aside(self, records: Iterable[Telemetry], count: int, why: str) -> None:
        """Keeps records of the batch in flight in ``rejected.jsonl``, of which the Collector refused `count`.

        They count when the batch is done with: until then a next life would send them again.
        """
        if self._in_flight is not None:
            self._in_flight.refused += count
        if self._disk is not None:
            await self._disk.dead_letters.add([encode_line(record) for record in records], why)

    async def close(self) -> None:
        """Writes what waits in memory, if it can."""
        async with self._at_disk():
            self._in_flight = None
            self._memory.release()
            await self._write()
            if len(self._memory):
                self._offsets.counts.add(spool=len(self._memory))
                _logger.warning("lifesign: %d records are lost: no disk took them", len(self._memory))
            await self._offsets.save()
            if self._disk is not None:
                await self._disk.close()
