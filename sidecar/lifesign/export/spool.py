"""The sidecar's durable queue: signals wait here until the Collector has them.

On disk it is a directory with numbered segments of JSON lines, a ``cursor`` before which everything
was delivered, ``rejected.jsonl`` and a ``lock``. While the disk takes nothing, signals wait in
memory, bounded, and they can be delivered from there. Without a directory they always do.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import Iterable, NamedTuple, Sequence

from lifesign.export import lines
from lifesign.export.complaint import Complaint
from lifesign.export.reader import BATCH_BYTES, Reader
from lifesign.export.rejected import RejectedFile
from lifesign.export.segments import Entry, Position, Segments
from lifesign.export.tenancy import Tenancy
from lifesign.export.waiting import Waiting
from lifesign.watch.signals import Resource, Signal

_logger = logging.getLogger("lifesign")

SEGMENT_SIZE = 1 << 20  # bytes; a segment is read in one piece
SEGMENTS_MIN = 8  # so many fit a small spool, because whole segments are dropped
LINE_MAX = 1 << 20  # bytes
MEMORY_MAX = 8 << 20  # bytes of signals that no disk takes
_WRITE_COUNT = 4096  # signals looked at for one write


class Batch(NamedTuple):
    """Signals to deliver, the resources they refer to by key, and the place after them.

    `end` is None for signals that never were on disk.
    """

    resources: dict[str, Resource]
    signals: list[Signal]
    end: Position | None


class Spool:
    """See the module. Made by `Spool.open`; methods may be called from several tasks of one event loop."""

    def __init__(self, tenancy: Tenancy | None, limit: int) -> None:
        self._tenancy = tenancy
        self._limit = limit
        self._segments: Segments | None = None
        self._lock = asyncio.Lock()
        self._waiting = Waiting(min(limit, MEMORY_MAX))
        self._pending: Batch | None = None
        self._held: list[Entry] = []  # the entries of a pending batch from memory
        self._lost = 0
        self._unwritable = 0
        self._write_complaint = Complaint()
        self._full_complaint = Complaint()
        self._invalid_complaint = Complaint()
        self.arrived = asyncio.Event()
        if tenancy is not None:
            self._rejected = RejectedFile(tenancy.directory)
            self._segments = Segments(tenancy.directory, min(SEGMENT_SIZE, max(1, limit // SEGMENTS_MIN)))
            self._reader = Reader(self._segments, self._rejected)

    @classmethod
    async def open(cls, tenancy: Tenancy | None, limit: int) -> Spool:
        """Opens the spool, with what an earlier life left in it.

        Args:
            tenancy: the directory that this process holds; None for a spool in memory only.
            limit: most bytes of signals; the oldest go first.
        """
        spool = cls(tenancy, limit)
        async with spool._lock:
            await spool._trim()
        return spool

    @property
    def directory(self) -> str | None:
        """Where it is; None in memory."""
        return str(self._tenancy.directory) if self._tenancy else None

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        size = self._waiting.size + sum(len(entry.line) for entry in self._held)
        if self._segments is not None:
            cursor = self._segments.cursor
            size += sum(
                self._segments.size(number) - (cursor.offset if number == cursor.segment else 0)
                for number in self._segments.numbers
                if number >= cursor.segment
            )
        return size

    @property
    def dropped(self) -> dict[str, int]:
        """Signals lost since this sidecar began: ``spool`` for want of room, ``invalid`` as not readable."""
        read = self._reader.invalid if self._segments is not None else 0
        return {"spool": self._lost, "invalid": self._unwritable + read}

    @property
    def empty(self) -> bool:
        """Whether everything was delivered."""
        return self._pending is None and self.size == 0

    async def append(self, resources: Iterable[Resource], signals: Sequence[Signal]) -> None:
        """Takes signals; returns when the kernel has them, or when they wait in memory because it refuses.

        Args:
            resources: at least those that `signals` refer to.
            signals: in the order in which they are to be delivered.
        """
        self._admit(resources, signals)
        # Shielded, here and below: a write goes on in its thread when the caller is cancelled, and must be counted.
        await asyncio.shield(self._append())
        self.arrived.set()

    async def _append(self) -> None:
        async with self._lock:
            await self._write()
            self._drop(self._waiting.trim())

    def _admit(self, resources: Iterable[Resource], signals: Sequence[Signal]) -> None:
        encoded: dict[str, bytes] = {}
        try:
            encoded = {resource.key: lines.encode(resource) for resource in resources}
        except lines.LineError as error:
            self._refuse(len(signals), str(error))
            return
        for signal in signals:
            try:
                line = lines.encode(signal)
            except lines.LineError as error:
                self._refuse(1, str(error))
                continue
            if len(line) > LINE_MAX:
                self._refuse(1, f"a signal of {len(line)} bytes is too long")
            elif signal.resource not in encoded:
                self._refuse(1, f"nobody told whose {signal.resource!r} is")
            else:
                self._waiting.add(Entry(signal.resource, encoded[signal.resource], line))

    def _refuse(self, count: int, why: str) -> None:
        self._unwritable += count
        self._invalid_complaint.say("%d records cannot be spooled: %s", count, why)

    async def _write(self) -> None:
        if self._segments is None:
            return
        try:
            while len(self._waiting):
                written = await self._segments.append(islice(self._waiting, _WRITE_COUNT))
                for _ in range(written):
                    self._waiting.take()
                await self._trim()
        except OSError as error:
            self._write_complaint.say(
                "the spool %s cannot be written (%s); %d records wait in memory",
                self.directory,
                error.strerror,
                len(self._waiting),
            )
        else:
            self._write_complaint.over("the spool %s can be written again", self.directory)

    async def _trim(self) -> None:
        segments = self._segments
        while segments is not None and segments.total > self._limit and len(segments.numbers) > 1:
            oldest = segments.numbers[0]
            self._drop(await self._reader.skip(oldest))
            segments.remove(oldest)

    def _drop(self, count: int) -> None:
        if count:
            self._lost += count
            self._full_complaint.say("the spool is full: dropped the oldest %d records, %d in all", count, self._lost)

    async def read(self, limit: int) -> Batch | None:
        """The oldest signals, at most `limit`; None when there are none. The same until they are committed."""
        return await asyncio.shield(self._read(limit))

    async def _read(self, limit: int) -> Batch | None:
        async with self._lock:
            self.arrived.clear()
            if self._pending is None:
                await self._write()
                self._pending = await self._read_disk(limit) or self._read_memory(limit)
            return self._pending

    async def _read_disk(self, limit: int) -> Batch | None:
        if self._segments is None:
            return None
        resources, signals = await self._reader.read(limit)
        if signals:
            return Batch(resources, signals, self._reader.position)
        await self._move_cursor(self._reader.position)
        return None

    def _read_memory(self, limit: int) -> Batch | None:
        resources: dict[str, Resource] = {}
        signals: list[Signal] = []
        size = 0
        while len(self._waiting) and len(signals) < limit and size < BATCH_BYTES:
            entry = self._waiting.take()
            try:
                resource, signal = lines.decode(entry.resource), lines.decode(entry.line)
            except lines.LineError as error:  # a number that is none, such as NaN, is written but not read
                self._refuse(1, str(error))
                continue
            assert isinstance(resource, Resource)
            assert not isinstance(signal, Resource)
            self._held.append(entry)
            resources[entry.key] = resource
            signals.append(signal)
            size += len(entry.line)
        return Batch(resources, signals, None) if signals else None

    async def commit(self, batch: Batch) -> None:
        """Says that `batch`, the one read last, is done with."""
        await asyncio.shield(self._commit(batch))

    async def _commit(self, batch: Batch) -> None:
        async with self._lock:
            if batch is not self._pending:
                return
            self._pending = None
            self._held = []
            if batch.end is not None:
                await self._move_cursor(batch.end)

    async def _move_cursor(self, position: Position) -> None:
        segments = self._segments
        assert segments is not None
        if position > segments.cursor:
            try:
                await asyncio.to_thread(segments.store_cursor, position)
            except OSError as error:  # worst case: the next life delivers some of it again
                self._write_complaint.say("the cursor of %s cannot be written: %s", self.directory, error.strerror)
        for number in segments.numbers:
            done = number < position.segment or (
                number == position.segment and segments.is_sealed(number) and position.offset >= segments.size(number)
            )
            if done:
                segments.remove(number)

    async def set_aside(self, signals: Iterable[Signal], why: str) -> None:
        """Keeps signals that the Collector refused in ``rejected.jsonl``."""
        if self._segments is not None:
            await self._rejected.add([lines.encode(signal) for signal in signals], why)

    async def close(self) -> None:
        """Writes what waits in memory, if it can, and lets another sidecar in."""
        async with self._lock:
            self._waiting.put_back(self._held)
            self._held = []
            self._pending = None
            await self._write()
            if len(self._waiting):
                self._lost += len(self._waiting)
                _logger.warning("lifesign: %d records are lost: they never were on disk", len(self._waiting))
            if self._segments is not None:
                await self._segments.seal()
                await self._move_cursor(self._segments.cursor)
        if self._tenancy is not None:
            self._tenancy.end()
