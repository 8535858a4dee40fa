"""Signals that wait in memory: for a moment before they are written, and as long as no disk takes them."""

from __future__ import annotations

from collections import deque
from typing import Iterable, Iterator

from lifesign.export.queue.segments import Entry

_OVERHEAD = 1000  # bytes that Python needs for an entry beside its line and the same again as objects


class Waiting:
    """A queue bounded in bytes; the oldest goes first.

    Args:
        limit: most bytes, with what Python needs for them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._held = 0  # bytes with overhead
        self.size = 0  # bytes of the lines
        self.added = 0  # entries so far

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def gone(self) -> int:
        """Entries that left the queue so far, the oldest first."""
        return self.added - len(self._entries)

    @property
    def roomy(self) -> bool:
        """Whether it is not half full yet."""
        return 2 * self._held < self._limit

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.added += 1
        self._count(entry, 1)

    def take(self) -> Entry:
        """The oldest entry, which leaves the queue."""
        entry = self._entries.popleft()
        self._count(entry, -1)
        return entry

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Puts entries that were taken back to the front, in their order."""
        entries = list(entries)
        self._entries.extendleft(reversed(entries))
        for entry in entries:
            self._count(entry, 1)

    def trim(self) -> int:
        """Drops the oldest entries until the bound holds; returns their number."""
        dropped = 0
        while self._held > self._limit:
            self.take()
            dropped += 1
        return dropped

    def _count(self, entry: Entry, sign: int) -> None:
        self.size += sign * len(entry.line)
        self._held += sign * (2 * len(entry.line) + _OVERHEAD)
