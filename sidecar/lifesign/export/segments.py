"""The files of a spool: numbered segments of lines, written at the end and removed from the front.

A segment stands alone: the line of a resource comes before the first signal that refers to it. A
segment that another life of the sidecar wrote is never appended to, so that a line which was torn
by a kill stays the last one of its file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Sequence

import aiofiles
import msgspec

from lifesign.export.inplace import BYTES, InPlace
from lifesign.watch.signals import Resource, Signal

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncFileIO

CURSOR_NAME = "cursor"
_SEGMENT_NAME = re.compile(r"(\d{16})\.jsonl")


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in the spool: byte `offset` of segment number `segment`."""

    segment: int
    offset: int


class Entry(NamedTuple):
    """One signal on its way into a segment, with the resource that it refers to, and the line of each."""

    signal: Signal
    line: bytes
    resource: Resource
    resource_line: bytes


class _Active:
    """The segment that is being written, and the lines of the resources that stand in it, by key."""

    def __init__(self, number: int, file: AsyncFileIO) -> None:
        self.number = number
        self.file = file
        self.resources: dict[str, bytes] = {}


class Segments:
    """The segments in `directory`.

    Args:
        directory: an existing directory that nobody else writes to.
        segment_size: bytes after which a new segment begins. No line may be longer.
    """

    def __init__(self, directory: Path, segment_size: int) -> None:
        self._directory = directory
        self.segment_size = segment_size
        self._sizes: dict[int, int] = {}  # bytes of each segment, oldest first
        self._counts: dict[int, int] = {}  # signals in each segment of this life
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
            match = _SEGMENT_NAME.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                self._sizes[int(match[1])] = entry.stat(follow_symlinks=False).st_size
        self._cursor_file = InPlace(directory / CURSOR_NAME)
        self.cursor = self._load_cursor()
        self._next = max([self.cursor.segment, *self._sizes]) + 1
        self._active: _Active | None = None

    @property
    def total(self) -> int:
        """Bytes of all segments."""
        return sum(self._sizes.values())

    @property
    def numbers(self) -> list[int]:
        """The numbers of the segments, oldest first."""
        return list(self._sizes)

    def size(self, number: int) -> int:
        """Bytes of one segment; 0 when there is none."""
        return self._sizes.get(number, 0)

    def count(self, number: int) -> int:
        """Signals that were written to a segment in this life."""
        return self._counts.get(number, 0)

    def is_sealed(self, number: int) -> bool:
        """Whether nothing more will be written to this segment."""
        return self._active is None or number != self._active.number

    def path(self, number: int) -> Path:
        return self._directory / f"{number:016}.jsonl"

    async def append(self, entries: Sequence[Entry]) -> int:
        """Writes as many of `entries` as fit one segment, in one write, and returns their number (at least 1).

        Raises:
            OSError: the disk is full, read-only or gone; nothing of `entries` is in the spool.
        """
        active = self._active
        if active is None:
            active = await self._roll()
        count, content, resources = self._fit(active, entries)
        if not count:
            active = await self._roll()
            count, content, resources = self._fit(active, entries)
        await self._write(active, content)
        active.resources = resources
        self._counts[active.number] = self.count(active.number) + count
        return count

    def _fit(self, active: _Active, entries: Sequence[Entry]) -> tuple[int, bytes, dict[str, bytes]]:
        size = self._sizes[active.number]
        resources = dict(active.resources)
        parts: list[bytes] = []
        for entry in entries:
            key = entry.resource.key
            is_known = resources.get(key) == entry.resource_line
            part = entry.line if is_known else entry.resource_line + entry.line
            # A segment that holds nothing yet takes a line of any length, or it would never get in.
            if size and size + len(part) > self.segment_size:
                break
            resources[key] = entry.resource_line
            parts.append(part)
            size += len(part)
        return len(parts), b"".join(parts), resources

    async def _roll(self) -> _Active:
        await self.seal()
        number = self._next
        flags = os.O_EXCL | os.O_NOFOLLOW
        file = await aiofiles.open(
            self.path(number), "ab", buffering=0, opener=lambda path, given: os.open(path, given | flags, 0o600)
        )
        self._next += 1
        self._sizes[number] = 0
        self._active = _Active(number, file)
        return self._active

    async def _write(self, active: _Active, content: bytes) -> None:
        size = self._sizes[active.number]
        left = memoryview(content)
        try:
            while left:
                left = left[await active.file.write(left) :]
        except OSError:
            try:
                await active.file.truncate(size)
            except OSError:  # then the rest of this file is never read in this life
                await self.seal()
            raise
        if not (await asyncio.to_thread(os.fstat, active.file.fileno())).st_nlink:
            await self.seal()
            raise FileNotFoundError(errno.ENOENT, "it was deleted")
        self._sizes[active.number] = size + len(content)

    async def seal(self) -> None:
        """Ends the active segment."""
        active, self._active = self._active, None
        if active is not None:
            await active.file.close()

    def close(self) -> None:
        self._cursor_file.close()

    async def read(self, number: int, start: int = 0) -> bytes:
        """What stands in a segment from byte `start` on.

        Raises:
            OSError: the file cannot be read.
        """
        async with aiofiles.open(
            self.path(number), "rb", opener=lambda path, given: os.open(path, given | os.O_NOFOLLOW)
        ) as file:
            await file.seek(start)
            return await file.read(max(0, self._sizes[number] - start))

    async def remove(self, number: int) -> None:
        """Deletes a segment; one that cannot be deleted is forgotten until the next start."""
        self.forget(number)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(os.unlink, self.path(number))

    def forget(self, number: int) -> None:
        """Leaves a segment that cannot be read where it is."""
        del self._sizes[number]
        self._counts.pop(number, None)

    def _load_cursor(self) -> Position:
        try:
            descriptor = os.open(self._directory / CURSOR_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                cursor = msgspec.json.decode(os.read(descriptor, BYTES), type=Position)
            finally:
                os.close(descriptor)
        except (OSError, msgspec.DecodeError):
            return Position(0, 0)  # from the beginning: what comes twice is recognisable, what is lost is lost
        return cursor if cursor.segment >= 0 and cursor.offset >= 0 else Position(0, 0)

    def store_cursor(self, position: Position) -> None:
        """Writes the cursor file. Blocks.

        Raises:
            OSError: it cannot be written.
        """
        self.cursor = position
        self._cursor_file.write(msgspec.json.encode(position))
