"""The sidecar's durable queue: signals wait here until the Collector has them.

On disk it is a directory with numbered segments of JSON lines, a ``cursor`` before which everything
was delivered, ``rejected.jsonl`` and a ``lock``. While the disk takes nothing, signals wait in
memory, bounded, and they can be delivered from there. Without a directory they always do.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Iterable, NamedTuple, Sequence

from lifesign.export import lines
from lifesign.export.complaint import Complaint
from lifesign.export.disk import Disk
from lifesign.export.reader import BATCH_BYTES
from lifesign.export.segments import Entry, Position
from lifesign.export.tenancy import Tenancy
from lifesign.export.waiting import Waiting
from lifesign.watch.signals import Resource, Signal

LINE_MAX = 1 << 20  # bytes
MEMORY_MAX = 16 << 20  # bytes of signals that no disk takes

_logger = logging.getLogger("lifesign")


class Batch(NamedTuple):
    """Signals to deliver, the resources they refer to by key, and the place after them.

    `end` is None for signals that never were on disk.
    """

    resources: dict[str, Resource]
    signals: list[Signal]
    end: Position | None


class Spool:
    """See the module. Made by `Spool.open`; its methods may be called from several tasks of one event loop."""

    def __init__(self, tenancy: Tenancy | None, limit: int) -> None:
        self._tenancy = tenancy
        self._disk = Disk(tenancy.directory, limit) if tenancy is not None else None
        self._lock = asyncio.Lock()
        self._waiting = Waiting(min(limit, MEMORY_MAX))
        self._pending: Batch | None = None
        self._held: list[Entry] = []  # the entries of a pending batch from memory
        self._lost = 0
        self._unwritable = 0
        self._full_complaint = Complaint()
        self._invalid_complaint = Complaint()
        self.arrived = asyncio.Event()  # something may be there to read

    @classmethod
    async def open(cls, tenancy: Tenancy | None, limit: int) -> Spool:
        """Opens the spool, with what an earlier life left in it.

        Args:
            tenancy: the directory that this process holds; None for a spool in memory only.
            limit: most bytes of signals; the oldest go first.
        """
        spool = cls(tenancy, limit)
        if spool._disk is not None:
            spool._drop(await spool._disk.trim())
        return spool

    @property
    def directory(self) -> str | None:
        """Where it is; None in memory."""
        return str(self._tenancy.directory) if self._tenancy is not None else None

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        in_memory = self._waiting.size + sum(len(entry.line) for entry in self._held)
        return in_memory + (self._disk.size if self._disk is not None else 0)

    @property
    def dropped(self) -> dict[str, int]:
        """Signals lost since this sidecar began: ``spool`` for want of room, ``invalid`` as not readable."""
        unreadable = self._disk.invalid if self._disk is not None else 0
        return {"spool": self._lost, "invalid": self._unwritable + unreadable}

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
        encoded: dict[str, tuple[Resource, bytes]] = {}
        for resource in resources:
            try:
                encoded[resource.key] = (resource, lines.encode(resource))
            except lines.LineError as error:
                _logger.warning("lifesign: the resource %r %s", resource.key, error)
        for signal in signals:
            try:
                line = lines.encode(signal)
                if len(line) > LINE_MAX:
                    raise lines.LineError(f"is too long: {len(line)} bytes")
                if signal.resource not in encoded:
                    raise lines.LineError(f"belongs to {signal.resource!r}, of which there is no resource")
            except lines.LineError as error:
                self._unwritable += 1
                self._invalid_complaint.say("a record cannot be spooled: it %s", error)
            else:
                self._waiting.add(Entry(signal, line, *encoded[signal.resource]))

    async def _write(self) -> None:
        if self._disk is not None:
            self._drop(await self._disk.write(self._waiting))

    def _drop(self, count: int) -> None:
        if count:
            self._lost += count
            self._full_complaint.say("the spool is full: the oldest %d records are lost, %d so far", count, self._lost)

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
        if self._disk is None:
            return None
        resources, signals, end = await self._disk.read(limit)
        return Batch(resources, signals, end) if signals else None

    def _read_memory(self, limit: int) -> Batch | None:
        size = 0
        while len(self._waiting) and len(self._held) < limit and size < BATCH_BYTES:
            entry = self._waiting.take()
            self._held.append(entry)
            size += len(entry.line)
        if not self._held:
            return None
        return Batch(
            {entry.resource.key: entry.resource for entry in self._held}, [entry.signal for entry in self._held], None
        )

    async def commit(self, batch: Batch) -> None:
        """Says that `batch`, the one read last, is done with."""
        await asyncio.shield(self._commit(batch))

    async def _commit(self, batch: Batch) -> None:
        async with self._lock:
            if batch is not self._pending:
                return
            self._pending = None
            self._held = []
            if self._disk is not None and batch.end is not None:
                await self._disk.move_cursor(batch.end)

    async def set_aside(self, signals: Iterable[Signal], why: str) -> None:
        """Keeps signals that the Collector refused in ``rejected.jsonl``."""
        if self._disk is not None:
            await self._disk.rejected.add([lines.encode(signal) for signal in signals], why)

    async def close(self) -> None:
        """Writes what waits in memory, if it can, and lets another sidecar in."""
        async with self._lock:
            self._waiting.put_back(self._held)
            self._held = []
            self._pending = None
            await self._write()
            if len(self._waiting):
                self._lost += len(self._waiting)
                _logger.warning("lifesign: %d records are lost: no disk took them", len(self._waiting))
            if self._disk is not None:
                await self._disk.close()
        if self._tenancy is not None:
            self._tenancy.end()
