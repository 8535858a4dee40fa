"""Reads the segments line by line."""

from __future__ import annotations

import errno
from collections import Counter, deque
from io import BytesIO
from typing import NamedTuple

from lifesign.export.complaint import Complaint
from lifesign.export.queue.dead_letter import DeadLetterFile
from lifesign.export.queue.offsets import Position
from lifesign.export.queue.segments import RESOURCE_PREFIX, LineError, Segments, decode_line
from lifesign.watch.telemetry import Resource, Telemetry

BATCH_BYTES = 1 << 20  # of lines: a Collector takes 4 MiB in one gRPC message by default
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # these are about us, not about the file
_LASTING = (errno.ENOENT, errno.ELOOP, errno.ENODATA)  # deleted, replaced by a link, cut short
_TRIES = 10  # of a file that fails in another way, before it is left out
_SHORT_LINE = 128  # bytes; by this the records are counted in a file that was never read: rather too many


class Chunk(NamedTuple):
    """Some lines of a segment: the records in them, the resources these refer to by key, and the unreadable lines."""

    resources: dict[str, Resource]
    records: list[Telemetry]
    garbage: list[bytes]


class SegmentCursor:
    """A place in one segment, and what is known of the lines before it. A new segment has a new cursor."""

    def __init__(self, position: Position) -> None:
        self.number = position.segment
        self.offset = position.offset
        self.taken = 0  # records that this cursor read
        self._entered = False  # whether the lines of resources before `offset` are known
        self._resources: dict[str, Resource] = {}
        self._lines: deque[bytes] = deque()

    @property
    def position(self) -> Position:
        return Position(self.number, self.offset)

    @property
    def has_lines(self) -> bool:
        """Whether there is something to take without reading the file again."""
        return bool(self._lines)

    async def fetch(self, segments: Segments) -> None:
        """Reads what is new in the segment.

        Raises:
            OSError: the file cannot be read.
        """
        start = self.offset if self._entered else 0
        content = await segments.read(self.number, start)
        known = self.offset - start  # what was delivered by an earlier sidecar: only its resources matter
        for line in BytesIO(content[:known]):
            if line.startswith(RESOURCE_PREFIX):
                self._remember(line)
        self._entered = True
        self._lines = deque(BytesIO(content[known:]))

    def take(self, limit: int) -> Chunk:
        """Moves on by at most `limit` records and `BATCH_BYTES`."""
        resources: dict[str, Resource] = {}
        records: list[Telemetry] = []
        garbage: list[bytes] = []
        until = self.offset + BATCH_BYTES
        while self._lines and len(records) < limit and self.offset < until:
            line = self._lines.popleft()
            self.offset += len(line)
            try:
                content = decode_line(line)
            except LineError:
                garbage.append(line)
                continue
            if isinstance(content, Resource):
                self._resources[content.key] = content
            elif content.resource in self._resources:
                records.append(content)
            else:
                garbage.append(line)
        for record in records:
            resources[record.resource] = self._resources[record.resource]
        self.taken += len(records)
        return Chunk(resources, records, garbage)

    def drop(self) -> None:
        """Forgets the lines that were fetched and not taken."""
        self._lines.clear()

    def _remember(self, line: bytes) -> None:
        try:
            content = decode_line(line)
        except LineError:
            return
        if isinstance(content, Resource):
            self._resources[content.key] = content


class SegmentReader:
    """Reads on from `position`, segment after segment."""

    def __init__(self, segments: Segments, dead_letters: DeadLetterFile, position: Position) -> None:
        self._segments = segments
        self._dead_letters = dead_letters
        self._cursor = SegmentCursor(position)
        self._invalid = 0  # records before it that could not be read
        self._failures: Counter[int] = Counter()  # by segment
        self._unreadable = Complaint()

    @property
    def position(self) -> Position:
        """Everything before it was read."""
        return self._cursor.position

    async def read(self, limit: int) -> tuple[dict[str, Resource], list[Telemetry]]:
        """The next records, at most `limit`, with their resources by key; none at the end of the spool.

        Raises:
            OSError: a file cannot be read for now; it is worth another try.
        """
        while await self._load():
            chunk = self._cursor.take(limit)
            if chunk.garbage:
                self._invalid += len(chunk.garbage)
                await self._dead_letters.add(chunk.garbage, "invalid")
            if chunk.records:
                return chunk.resources, chunk.records
        return {}, []

    async def _load(self) -> bool:
        """Fetches lines if there are none; False at the end of the spool."""
        while not self._cursor.has_lines:
            number = next((n for n in self._segments.numbers if n >= self._cursor.number), None)
            if number is None:
                return False
            if number != self._cursor.number:
                self._go_to(number)
            if self._cursor.offset >= self._segments.size(number):
                if not self._segments.is_sealed(number):
                    return False
                self._go_to(number + 1)
                continue
            try:
                await self._cursor.fetch(self._segments)
            except OSError as error:
                if not self._is_lasting(number, error):
                    raise
                self._unreadable.say("cannot read %s: %s; it is left out", self._segments.path(number), error.strerror)
                self._invalid += self._unread(number)
                await self._segments.give_up(number)
                self._go_to(number + 1)
        return True

    def _go_to(self, number: int) -> None:
        self._cursor = SegmentCursor(Position(number, 0))

    async def skip(self, number: int) -> int:
        """Gives up what is unread in a segment that is about to go; returns how many records that is.

        Raises:
            OSError: it cannot be read for now; it is worth another try.
        """
        if number < self._cursor.number:
            return 0
        is_here = number == self._cursor.number
        try:
            content = await self._segments.read(number, self._cursor.offset if is_here else 0)
        except OSError as error:
            if not self._is_lasting(number, error):
                raise
            return self._unread(number)
        finally:
            if is_here:
                self._cursor.drop()
        return sum(not line.startswith(RESOURCE_PREFIX) for line in BytesIO(content))

    def _unread(self, number: int) -> int:
        """How many records of a segment were not read; of one that another life wrote it is a guess."""
        is_here = number == self._cursor.number
        written = self._segments.count(number)
        if written:
            return max(1, written - (self._cursor.taken if is_here else 0))
        unread = self._segments.size(number) - (self._cursor.offset if is_here else 0)
        return max(1, unread // _SHORT_LINE)

    def _is_lasting(self, number: int, error: OSError) -> bool:
        """Whether to give a file up for an error."""
        if error.errno in _PASSING:
            return False
        self._failures[number] += 1
        return error.errno in _LASTING or self._failures[number] >= _TRIES

    def take_invalid(self) -> int:
        """How many records could not be read since this was last asked."""
        taken, self._invalid = self._invalid, 0
        return taken
