"""A spool on disk: the segments, their reader, and what is set aside."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from lifesign.export.complaint import Complaint
from lifesign.export.queue.dead_letter import RejectedFile
from lifesign.export.queue.memory import Waiting
from lifesign.export.queue.offsets import Position, Tally
from lifesign.export.queue.reader import Reader
from lifesign.export.queue.segments import Segments
from lifesign.watch.telemetry import Resource, Signal

SEGMENT_SIZE = 1 << 20  # bytes; a segment is read in one piece
SEGMENTS_MIN = 8  # so many fit a small spool, because whole segments are dropped
_WRITE_COUNT = 4096  # signals looked at for one write


class Disk:
    """What an earlier life left in `directory`, and what comes now. Not for several tasks at a time.

    Args:
        directory: a directory that nobody else writes to.
        limit: most bytes of segments; the oldest go first.
        tally: of what was lost and how far the rest is delivered.

    Raises:
        OSError: the directory cannot be read.
    """

    def __init__(self, directory: Path, limit: int, tally: Tally) -> None:
        self.directory = directory
        self.rejected = RejectedFile(directory)
        self._limit = limit
        self._tally = tally
        segment_size = min(SEGMENT_SIZE, max(1, limit // SEGMENTS_MIN))
        self._segments = Segments(directory, segment_size, max(tally.cursor.segment, tally.counts.gone))
        self._reader = Reader(self._segments, self.rejected, tally.cursor)
        self._write_complaint = Complaint()

    @property
    def size(self) -> int:
        """Bytes that are not delivered yet."""
        cursor = self._tally.cursor
        return sum(
            self._segments.size(number) - (cursor.offset if number == cursor.segment else 0)
            for number in self._segments.numbers
            if number >= cursor.segment
        )

    async def write(self, waiting: Waiting) -> int:
        """Takes from `waiting` what it can write; returns how many old signals made room for it.

        What comes while it writes is left for the next call: on a slow disk there would be no end.
        """
        dropped = 0
        there = waiting.added
        try:
            while waiting.gone < there:
                for _ in range(await self._segments.append(list(islice(waiting, _WRITE_COUNT)))):
                    waiting.take()
                dropped += await self.trim()
        except OSError as error:
            self._write_complaint.say(
                "the spool %s cannot be written (%s): %d records wait in memory",
                self.directory,
                error.strerror,
                len(waiting),
            )
        else:
            self._write_complaint.over("the spool %s can be written again", self.directory)
        return dropped

    async def trim(self) -> int:
        """Drops the oldest segments until the bound holds; returns how many signals were lost with them."""
        dropped = 0
        if self._tally.counts.gone in self._segments.numbers:  # a kill came between its count and its end
            await self._segments.remove(self._tally.counts.gone)
        while self._segments.total > self._limit and (oldest := self._oldest()) is not None:
            try:
                skipped = await self._reader.skip(oldest)
            except OSError:
                break  # with the next write
            dropped += skipped
            self._tally.counts.spool += skipped
            self._tally.counts.gone = oldest
            await self._tally.save()
            await self._segments.remove(oldest)
        return dropped

    def _oldest(self) -> int | None:
        """The segment to drop: never the newest, nor the one of a batch on its way, which a kill would take along."""
        on_its_way = self._reader.position.segment if self._reader.position != self._tally.cursor else None
        return next((number for number in self._segments.numbers[:-1] if number != on_its_way), None)

    async def read(self, limit: int) -> tuple[dict[str, Resource], list[Signal], Position]:
        """The next signals, at most `limit`, their resources by key, and the position after them.

        Raises:
            OSError: not now, see `Reader.read`.
        """
        resources, signals = await self._reader.read(limit)
        if not signals:  # at the end, perhaps behind lines that brought nothing
            await self.move_cursor(self._reader.position)
        return resources, signals, self._reader.position

    async def move_cursor(self, position: Position) -> None:
        """Says that everything before `position` is done with."""
        segments = self._segments
        if position >= self._reader.position:
            self._tally.counts.invalid += self._reader.take_invalid()
        self._tally.cursor = max(position, self._tally.cursor)
        await self._tally.save()
        for number in segments.numbers:
            is_at_end = segments.is_sealed(number) and position.offset >= segments.size(number)
            if number < position.segment or (number == position.segment and is_at_end):
                await segments.remove(number)

    async def close(self) -> None:
        """Ends the active segment, and deletes it when all of it was delivered."""
        await self._segments.seal()
        await self.move_cursor(self._tally.cursor)
