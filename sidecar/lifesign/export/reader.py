"""Walking through the segments line by line."""

from __future__ import annotations

import errno
from collections import deque
from io import BytesIO

from lifesign.export import lines
from lifesign.export.complaint import Complaint
from lifesign.export.rejected import RejectedFile
from lifesign.export.segments import Position, Segments
from lifesign.export.tally import Counts
from lifesign.watch.signals import Resource, Signal

BATCH_BYTES = 1 << 20  # of lines: a Collector takes 4 MiB in one gRPC message by default
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # these are about us, not about the file


class Reader:
    """Reads on from the cursor of `segments`; a whole segment, or what is new in it, at a time.

    Args:
        counts: where it counts as `invalid` what cannot be read.
    """

    def __init__(self, segments: Segments, rejected: RejectedFile, counts: Counts) -> None:
        self._segments = segments
        self._rejected = rejected
        self._counts = counts
        self._lines: deque[bytes] = deque()
        self._resources: dict[str, Resource] = {}  # that stood in the segment so far
        self._entered = False
        self._taken = 0  # signals of the segment that were read
        self.position = segments.cursor  # everything before it was read
        self.unreadable = Complaint()

    async def read(self, limit: int) -> tuple[dict[str, Resource], list[Signal]]:
        """The next signals, at most `limit`, with their resources by key; none at the end of the spool.

        Raises:
            OSError: we lack what it takes to open a file; it is worth another try.
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
                self._counts.invalid += len(garbage)
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
                if error.errno in _PASSING:
                    raise
                self.unreadable.say("cannot read %s: %s; it is left out", self._segments.path(number), error.strerror)
                self._counts.invalid += self._unread(number)
                self._segments.forget(number)
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
        """Gives up what is unread in a segment that is about to go; returns how many signals that is."""
        if number < self.position.segment:
            return 0
        start = 0
        if number == self.position.segment:
            start = self.position.offset
            self._lines.clear()
        try:
            content = await self._segments.read(number, start)
        except OSError:
            return self._unread(number)
        return sum(not line.startswith(lines.RESOURCE_PREFIX) for line in BytesIO(content))

    def _unread(self, number: int) -> int:
        """How many signals of a segment were not read, as far as we wrote them: 1 where another life did."""
        taken = self._taken if self._entered and number == self.position.segment else 0
        return max(1, self._segments.count(number) - taken)
