"""Records that wait in memory: for a moment before they are written, and as long as no disk takes them."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Iterator

from lifesign.export.queue.segments import Entry

_OVERHEAD = 1000  # bytes that Python needs for an entry beside its line and the same again as objects


class MemoryQueue:
    """A queue bounded in bytes; the oldest entry goes first.

    The entries at its front may be leased to a batch that is on its way: they stay until the batch is delivered or a
    disk has taken them, whichever comes first. The bound is for the others.

    Args:
        limit: most bytes, with what Python needs for them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._weight = 0  # bytes of what is not leased, with overhead
        self.leased = 0  # entries at the front
        self.size = 0  # bytes of the lines
        self.added = 0  # entries so far

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def gone(self) -> int:
        """Entries that left the queue so far."""
        return self.added - len(self._entries)

    @property
    def has_room(self) -> bool:
        """Whether it is not half full yet."""
        return 2 * self._weight < self._limit

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.added += 1
        self.size += len(entry.line)
        self._weight += _weight(entry)

    def take(self) -> Entry:
        """The oldest entry, which leaves the queue."""
        entry = self._entries.popleft()
        self.size -= len(entry.line)
        if self.leased:
            self.leased -= 1
        else:
            self._weight -= _weight(entry)
        return entry

    def lease(self, entries: int, size: int) -> list[Entry]:
        """The oldest entries for a batch: at most so many, and of so many bytes but for the last one."""
        leased: list[Entry] = []
        for entry in islice(self._entries, entries):
            if size <= 0:
                break
            leased.append(entry)
            size -= len(entry.line)
            self._weight -= _weight(entry)
        self.leased = len(leased)
        return leased

    def release(self) -> None:
        """Ends the lease; its entries wait as they did before."""
        self._weight += sum(map(_weight, islice(self._entries, self.leased)))
        self.leased = 0

    def drop_leased(self) -> None:
        """The batch is done with, and so is what is left of it here."""
        while self.leased:
            self.take()

    def trim(self) -> int:
        """Drops the oldest entries that are not leased until the bound holds; returns their number."""
        before = len(self._entries)
        while self._weight > self._limit:
            entry = self._entries[self.leased]
            del self._entries[self.leased]
            self.size -= len(entry.line)
            self._weight -= _weight(entry)
        return before - len(self._entries)


def _weight(entry: Entry) -> int:
    return 2 * len(entry.line) + _OVERHEAD
