"""Walking through the segments line by line."""

from __future__ import annotations

import errno
from collections import Counter, deque
from io import BytesIO

from lifesign.export.complaint import Complaint
from lifesign.export.queue import lines
from lifesign.export.queue.dead_letter import RejectedFile
from lifesign.export.queue.offsets import Position
from lifesign.export.queue.segments import Segments
from lifesign.watch.telemetry import Resource, Signal

BATCH_BYTES = 1 << 20  # of lines: a Collector takes 4 MiB in one gRPC message by default
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # these are about us, not about the file
_LASTING = (errno.ENOENT, errno.ELOOP, errno.ENODATA)  # deleted, replaced by a link, cut short
_TRIES = 10  # of a file that fails in another way, before it is left out
_SHORT_LINE = 128  # bytes; by this the signals are counted in a file that was never read: rather too many


class Reader:
    """Reads on from `position`; a whole segment, or what is new in it, at a time."""

    def __init__(self, segments: Segments, rejected: RejectedFile, position: Position) -> None:
        self._segments = segments
        self._rejected = rejected
        self._lines: deque[bytes] = deque()
        self._resources: dict[str, Resource] = {}  # that stood in the segment so far
        self._entered = False
        self._taken = 0  # signals of the segment that were read
        self.position = position  # everything before it was read
        self._invalid = 0  # signals before it that could not be read
        self._failures: Counter[int] = Counter()  # by segment
        self.unreadable = Complaint()

    async def read(self, limit: int) -> tuple[dict[str, Resource], list[Signal]]:
        """The next signals, at most `limit`, with their resources by key; none at the end of the spool.

        Raises:
            OSError: a file cannot be read for now; it is worth another try.
        """
        while await self._load():
            signals: list[Signal] = []
            garbage: list[bytes] = []
            start = self.position.offset
            offset = start
            while self._lines and len(signals) < limit and offset - start < BATCH_BYTES:
                line = self._lines.popleft()
                offset += len(line)
                try:
                    content = lines.decode(line)
                except lines.LineError:
                    garbage.append(line)
                    continue
                if isinstance(content, Resource):
                    self._resources[content.key] = content
                elif content.resource in self._resources:
                    signals.append(content)
                else:
                    garbage.append(line)
            self.position = Position(self.position.segment, offset)
            self._taken += len(signals)
            if garbage:
                self._invalid += len(garbage)
                await self._rejected.add(garbage, "invalid")
            if signals:
                return {signal.resource: self._resources[signal.resource] for signal in signals}, signals
        return {}, []

    async def _load(self) -> bool:
        """Sees to it that there are lines; False at the end of the spool."""
        while not self._lines:
            number = next((n for n in self._segments.numbers if n >= self.position.segment), None)
            if number is None:
                return False
            if number != self.position.segment:
                self.position = Position(number, 0)
                self._entered = False
            end = self._segments.size(number)
            if self._entered and self.position.offset >= end:
                if not self._segments.is_sealed(number):
                    return False
                self.position = Position(number + 1, 0)
                self._entered = False
                continue
            try:
                await self._fetch(number)
            except OSError as error:
                if not self._is_lasting(number, error):
                    raise
                self.unreadable.say("cannot read %s: %s; it is left out", self._segments.path(number), error.strerror)
                self._invalid += self._unread(number)
                await self._segments.give_up(number)
                self.position = Position(number + 1, 0)
                self._entered = False
        return True

    async def _fetch(self, number: int) -> None:
        start = self.position.offset if self._entered else 0
        content = await self._segments.read(number, start)
        known = self.position.offset - start  # what was delivered in another life: only its resources matter
        if not self._entered:
            self._resources = {}
            self._entered = True
            self._taken = 0
            for line in BytesIO(content[:known]):
                if line.startswith(lines.RESOURCE_PREFIX):
                    self._remember(line)
        self._lines = deque(BytesIO(content[known:]))

    def _remember(self, line: bytes) -> None:
        try:
            content = lines.decode(line)
        except lines.LineError:
            return
        if isinstance(content, Resource):
            self._resources[content.key] = content

    async def skip(self, number: int) -> int:
        """Gives up what is unread in a segment that is about to go; returns how many signals that is.

        Raises:
            OSError: it cannot be read for now; it is worth another try.
        """
        if number < self.position.segment:
            return 0
        start = self.position.offset if number == self.position.segment else 0
        try:
            content = await self._segments.read(number, start)
        except OSError as error:
            if not self._is_lasting(number, error):
                raise
            return self._unread(number)
        finally:
            if number == self.position.segment:
                self._lines.clear()
        return sum(not line.startswith(lines.RESOURCE_PREFIX) for line in BytesIO(content))

    def _unread(self, number: int) -> int:
        """How many signals of a segment were not read; of one that another life wrote it is a guess."""
        entered = self._entered and number == self.position.segment
        written = self._segments.count(number)
        if written:
            return max(1, written - (self._taken if entered else 0))
        unread = self._segments.size(number) - (self.position.offset if number == self.position.segment else 0)
        return max(1, unread // _SHORT_LINE)

    def _is_lasting(self, number: int, error: OSError) -> bool:
        """Whether to give a file up for an error."""
        if error.errno in _PASSING:
            return False
        self._failures[number] += 1
        return error.errno in _LASTING or self._failures[number] >= _TRIES

    def take_invalid(self) -> int:
        """How many signals could not be read since this was last asked."""
        taken, self._invalid = self._invalid, 0
        return taken
