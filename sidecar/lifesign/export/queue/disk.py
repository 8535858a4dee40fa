"""A spool on disk: the segments, their reader, and what is set aside."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from lifesign.export.complaint import Complaint
from lifesign.export.queue.dead_letter import DeadLetterFile
from lifesign.export.queue.memory import MemoryQueue
from lifesign.export.queue.offsets import Offsets, Position
from lifesign.export.queue.reader import SegmentReader
from lifesign.export.queue.segments import Segments
from lifesign.watch.telemetry import Resource, Telemetry

SEGMENT_SIZE = 1 << 20  # bytes; a segment is read in one piece
SEGMENTS_MIN = 8  # so many fit a small spool, because whole segments are dropped
_WRITE_COUNT = 4096  # records looked at for one write


class DiskQueue:
    """What an earlier sidecar left in `directory`, and what comes now. For one task at a time.

    Args:
        directory: a directory that nobody else writes to.
        limit: most bytes of segments; the oldest go first.
        offsets: of what was lost and how far the rest is delivered.

    Raises:
        OSError: the directory cannot be read.
    """

    def __init__(self, directory: Path, limit: int, offsets: Offsets) -> None:
        self.directory = directory
        self.dead_letters = DeadLetterFile(directory)
        self._limit = limit
        self._offsets = offsets
        segment_size = min(SEGMENT_SIZE, max(1, limit // SEGMENTS_MIN))
        self._segments = Segments(directory, segment_size, max(offsets.cursor.segment, offsets.counts.gone))
        self._reader = SegmentReader(self._segments, self.dead_letters, offsets.cursor)
        self._write_complaint = Complaint()

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        cursor = self._offsets.cursor
        return sum(
            self._segments.size(number) - (cursor.offset if number == cursor.segment else 0)
            for number in self._segments.numbers
            if number >= cursor.segment
        )

    async def write(self, memory: MemoryQueue) -> int:
        """Takes from `waiting` what it can write; returns how many old records made room for it.

        What comes while it writes is left for the next call: on a slow disk it would never return.
        """
        dropped = 0
        there = memory.added
        try:
            while memory.gone < there:
                for _ in range(await self._segments.append(list(islice(memory, _WRITE_COUNT)))):
                    memory.take()
                dropped += await self.trim()
        except OSError as error:
            self._write_complaint.say(
                "the spool %s cannot be written (%s): %d records wait in memory",
                self.directory,
                error.strerror,
                len(memory),
            )
        else:
            self._write_complaint.over("the spool %s can be written again", self.directory)
        return dropped

    async def trim(self) -> int:
        """Drops the oldest segments until the bound holds; returns how many records were lost with them."""
        dropped = 0
        if self._offsets.counts.gone in self._segments.numbers:  # a kill came between its count and its end
            await self._segments.remove(self._offsets.counts.gone)
        while self._segments.total > self._limit and (oldest := self._oldest()) is not None:
            try:
                skipped = await self._reader.skip(oldest)
            except OSError:
                break  # with the next write
            dropped += skipped
            self._offsets.counts.add(spool=skipped)
            self._offsets.counts.gone = oldest
            await self._offsets.save()
            await self._segments.remove(oldest)
        return dropped

    def _oldest(self) -> int | None:
        """The segment to drop: never the newest, nor the one of a batch on its way, which a kill would take along."""
        on_its_way = self._reader.position.segment if self._reader.position != self._offsets.cursor else None
        return next((number for number in self._segments.numbers[:-1] if number != on_its_way), None)

    async def read(self, limit: int) -> tuple[dict[str, Resource], list[Telemetry], Position]:
        """The next records, at most `limit`, their resources by key, and the position after them.

        Raises:
            OSError: not now, see `SegmentReader.read`.
        """
        resources, records = await self._reader.read(limit)
        if not records:  # at the end, perhaps behind lines that brought nothing
            await self.move_cursor(self._reader.position)
        return resources, records, self._reader.position

    async def move_cursor(self, position: Position) -> None:
        """Everything before `position` is delivered or counted."""
        segments = self._segments
        if position >= self._reader.position:
            self._offsets.counts.add(invalid=self._reader.take_invalid())
        self._offsets.cursor = max(position, self._offsets.cursor)
        await self._offsets.save()
        for number in segments.numbers:
            is_at_end = segments.is_sealed(number) and position.offset >= segments.size(number)
            if number < position.segment or (number == position.segment and is_at_end):
                await segments.remove(number)

    async def close(self) -> None:
        """Ends the active segment, and deletes it when all of it was delivered."""
        await self._segments.seal()
        await self.move_cursor(self._offsets.cursor)
