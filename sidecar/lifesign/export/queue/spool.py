"""The sidecar's durable queue: signals of one kind wait here until the Collector has them.

On disk it is a directory with numbered segments of JSON lines, ``rejected.jsonl``, and ``counts.json``:
the cursor before which everything is done with, and what was lost up to there. While the disk takes
nothing, signals wait in memory, bounded, and they can be delivered from there. Without a directory they
always do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import AsyncIterator, Iterable, NamedTuple, Sequence

from lifesign.export.complaint import Complaint
from lifesign.export.queue import lines
from lifesign.export.queue.disk import Disk
from lifesign.export.queue.memory import Waiting
from lifesign.export.queue.offsets import Position, Tally
from lifesign.export.queue.reader import BATCH_BYTES
from lifesign.export.queue.segments import Entry
from lifesign.watch.telemetry import Resource, Signal

LINE_MAX = 1 << 20  # bytes
MEMORY_MAX = 8 << 20  # bytes of signals that no disk takes

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

    def __init__(self, directory: Path | None, limit: int) -> None:
        self._tally = Tally(directory)
        self._disk = Disk(directory, limit, self._tally) if directory is not None else None
        self._lock = asyncio.Lock()
        self._waiting = Waiting(min(limit, MEMORY_MAX))
        self._pending: Batch | None = None
        self._held: list[Entry] = []  # the entries of a pending batch from memory
        self._refused = 0  # signals of the pending batch
        self._asked: float | None = None  # since when the disk is asked for something, monotonic seconds
        self._full_complaint = Complaint()
        self._invalid_complaint = Complaint()
        self.arrived = asyncio.Event()  # something may be there to read; whoever reads clears it before

    @classmethod
    async def open(cls, directory: Path | None, limit: int) -> Spool:
        """Opens the spool, with what an earlier life left in it.

        Args:
            directory: an existing directory that this process holds; None for a spool in memory only.
            limit: most bytes of signals; the oldest go first.

        Raises:
            OSError: it cannot be read.
        """
        spool = await asyncio.to_thread(cls, directory, limit)
        await spool._tally.save()
        if spool._disk is not None:
            spool._complain(await spool._disk.trim())
        return spool

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        in_memory = self._waiting.size + sum(len(entry.line) for entry in self._held)
        return in_memory + (self._disk.size if self._disk is not None else 0)

    @property
    def dropped(self) -> dict[str, int]:
        """Signals lost since the spool was made: ``spool`` for want of room, ``invalid`` as not readable."""
        return {"spool": self._tally.counts.spool, "invalid": self._tally.counts.invalid}

    @property
    def rejected(self) -> int:
        """Signals that the Collector refused since the spool was made."""
        return self._tally.counts.rejected

    @property
    def empty(self) -> bool:
        """Whether everything was delivered."""
        return self._pending is None and self.size == 0

    @property
    def roomy(self) -> bool:
        """Whether there is room in memory for more: what comes faster than the disk takes it waits there."""
        return self._waiting.roomy

    @property
    def standstill(self) -> float:
        """Seconds for which the disk has not come back from what it was asked for; 0 while it is asked for nothing."""
        return 0.0 if self._asked is None else time.monotonic() - self._asked

    def put(self, resources: Iterable[Resource], signals: Sequence[Signal]) -> None:
        """Takes signals, for now into memory.

        Args:
            resources: at least those that `signals` refer to.
            signals: in the order in which they are to be delivered.
        """
        self._admit(resources, signals)
        self.arrived.set()

    async def settle(self) -> bool:
        """Writes what was put so far; whether a kill would lose nothing of that.

        False where the disk refuses. Then what memory does not hold is lost, the oldest first.
        """
        # Shielded, here and below: a write goes on in its thread when the caller is cancelled, and must be counted.
        return await asyncio.shield(self._settle())

    async def _settle(self) -> bool:
        there = self._waiting.added
        async with self._at_disk():
            await self._write()
            return self._disk is None or (self._waiting.gone >= there and not self._held)

    @contextlib.asynccontextmanager
    async def _at_disk(self) -> AsyncIterator[None]:
        """The disk is asked for one thing at a time."""
        async with self._lock:
            self._asked = time.monotonic()
            try:
                yield
            finally:
                self._asked = None

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
                self._tally.counts.invalid += 1
                self._invalid_complaint.say("a record cannot be spooled: it %s", error)
            else:
                self._waiting.add(Entry(signal, line, *encoded[signal.resource]))

    async def _write(self) -> None:
        lost, refused = 0, True
        if self._disk is not None:
            lost, refused = await self._write_to(self._disk)
        if refused:
            trimmed = self._waiting.trim()
            self._tally.counts.spool += trimmed
            lost += trimmed
        self._complain(lost)
        await self._tally.save()

    async def _write_to(self, disk: Disk) -> tuple[int, bool]:
        """What waits; returns how many old signals made room for it, and whether the disk refuses some of it."""
        # A batch that was read from memory may be on its way for hours: once the disk takes it, it belongs there too,
        # even if it is then delivered twice.
        held, self._held = self._held, []
        self._waiting.put_back(held)
        there, gone = self._waiting.added, self._waiting.gone
        lost = await disk.write(self._waiting)
        refused = self._waiting.gone < there
        self._held = [self._waiting.take() for _ in held[self._waiting.gone - gone :]]
        return lost, refused

    def _complain(self, lost: int) -> None:
        if lost:
            self._full_complaint.say(
                "the spool is full: the oldest %d records are lost, %d so far", lost, self._tally.counts.spool
            )

    async def read(self, limit: int) -> Batch | None:
        """The oldest signals, at most `limit`; None when there are none. The same until they are committed.

        Raises:
            OSError: a file cannot be opened for now.
        """
        return await asyncio.shield(self._read(limit))

    async def _read(self, limit: int) -> Batch | None:
        async with self._at_disk():
            if self._pending is None:
                there = self._waiting.added
                await self._write()
                self._pending = await self._read_disk(limit) or self._read_memory(limit, there)
            return self._pending

    async def _read_disk(self, limit: int) -> Batch | None:
        if self._disk is None:
            return None
        resources, signals, end = await self._disk.read(limit)
        return Batch(resources, signals, end) if signals else None

    def _read_memory(self, limit: int, there: int) -> Batch | None:
        """Of the first `there` signals those that no disk took; what came meanwhile it has not been offered yet."""
        size = 0
        while self._waiting.gone < there and len(self._held) < limit and size < BATCH_BYTES:
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
        async with self._at_disk():
            if batch is not self._pending:
                return
            self._pending = None
            self._held = []
            self._tally.counts.rejected += self._refused
            self._refused = 0
            if self._disk is not None and batch.end is not None:
                await self._disk.move_cursor(batch.end)
            else:
                await self._tally.save()

    async def set_aside(self, signals: Iterable[Signal], count: int, why: str) -> None:
        """Keeps signals of the pending batch in ``rejected.jsonl``, of which the Collector refused `count`.

        They count when the batch is done with: until then a next life would send them again.
        """
        self._refused += count
        if self._disk is not None:
            await self._disk.rejected.add([lines.encode(signal) for signal in signals], why)

    async def close(self) -> None:
        """Writes what waits in memory, if it can."""
        async with self._at_disk():
            self._pending = None
            await self._write()
            self._waiting.put_back(self._held)
            self._held = []
            if len(self._waiting):
                self._tally.counts.spool += len(self._waiting)
                _logger.warning("lifesign: %d records are lost: no disk took them", len(self._waiting))
            await self._tally.save()
            if self._disk is not None:
                await self._disk.close()
