"""The files of a spool: numbered segments of lines, written at the end and removed from the front.

A line is a Resource, a Span, a Log or a Profile as tagged JSON that ends in a newline.

A segment stands alone: the line of a resource comes before the first record that refers to it. A
segment that an earlier sidecar wrote is never appended to, so that a line which was torn by a kill
stays the last one of its file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Sequence, Union

import aiofiles
import msgspec

from lifesign.off_loop import off_loop
from lifesign.watch.telemetry import Attributes, Log, Profile, Resource, Span, Telemetry

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncFileIO

_SEGMENT_NAME = re.compile(r"(\d{16})\.jsonl")
RESOURCE_PREFIX = b'{"type":"resource"'  # the tag comes first in what msgspec writes


class LineError(ValueError):
    """This line, or this record, cannot stand in a spool; the message says why."""


class _ResourceLine(msgspec.Struct, tag="resource", frozen=True):
    key: str
    attributes: Attributes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Union[_ResourceLine, Span, Log, Profile])


def encode_line(content: Resource | Telemetry) -> bytes:
    """The line of a resource or record.

    Raises:
        LineError: a text in it is not Unicode, or a number does not fit JSON.
    """
    if isinstance(content, Resource):
        return _line(_ResourceLine(content.key, content.attributes))
    return _line(content)


def _line(content: _ResourceLine | Telemetry) -> bytes:
    try:
        return _encoder.encode(content) + b"\n"
    except (ValueError, OverflowError, TypeError) as error:
        raise LineError(f"cannot be written: {error}") from None


def decode_line(line: bytes) -> Resource | Telemetry:
    """What stands in a line.

    Raises:
        LineError: it is torn, not JSON, or not of the shape of a record.
    """
    try:
        content = _decoder.decode(line)
    except (ValueError, RecursionError) as error:
        raise LineError(str(error)) from None
    if isinstance(content, _ResourceLine):
        return Resource(content.key, content.attributes)
    record: Telemetry = content
    return record


class Entry(NamedTuple):
    """One record on its way into a segment, with the resource that it refers to, and the line of each."""

    record: Telemetry
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
        after: numbers up to this one are used up.

    Raises:
        OSError: the directory cannot be read.
    """

    def __init__(self, directory: Path, segment_size: int, after: int) -> None:
        self._directory = directory
        self.segment_size = segment_size
        self._sizes: dict[int, int] = {}  # bytes of each segment, oldest first
        self._counts: dict[int, int] = {}  # records in each segment of this life
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
            match = _SEGMENT_NAME.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                self._sizes[int(match[1])] = entry.stat(follow_symlinks=False).st_size
        self._next = max([after, *self._sizes]) + 1
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
        """Records that were written to a segment in this life."""
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
        self._next += 1  # whatever becomes of this one: a number that is taken would be in the way for ever
        flags = os.O_EXCL | os.O_NOFOLLOW
        file = await aiofiles.open(
            self.path(number), "ab", buffering=0, opener=lambda path, given: os.open(path, given | flags, 0o600)
        )
        self._sizes[number] = 0
        self._active = _Active(number, file)
        return self._active

    async def _write(self, active: _Active, content: bytes) -> None:
        size = self._sizes[active.number]
        left = memoryview(content)
        try:
            while left:
                left = left[await active.file.write(left) :]
            links = (await off_loop(os.fstat, active.file.fileno())).st_nlink
        except OSError:
            try:
                await active.file.truncate(size)
            except OSError:  # then the rest of this file is never read in this life
                await self.seal()
            raise
        if not links:
            await self.seal()
            raise FileNotFoundError(errno.ENOENT, "it was deleted")
        self._sizes[active.number] = size + len(content)

    async def seal(self) -> None:
        """Ends the active segment."""
        active, self._active = self._active, None
        if active is not None:
            with contextlib.suppress(OSError):  # each write was checked, and the descriptor is gone all the same
                await active.file.close()

    async def read(self, number: int, start: int = 0) -> bytes:
        """The content of a segment from byte `start` on.

        Raises:
            OSError: the file cannot be read, or is shorter than it was.
        """
        length = max(0, self._sizes[number] - start)
        async with aiofiles.open(
            self.path(number), "rb", opener=lambda path, given: os.open(path, given | os.O_NOFOLLOW)
        ) as file:
            await file.seek(start)
            content: bytes = await file.read(length)
        if len(content) < length:
            raise OSError(errno.ENODATA, "it was cut short")
        return content

    async def remove(self, number: int) -> None:
        """Deletes a segment; one that cannot be deleted is forgotten until the next start."""
        self._forget(number)
        with contextlib.suppress(OSError):
            await off_loop(os.unlink, self.path(number))

    async def give_up(self, number: int) -> None:
        """Leaves a segment that cannot be read where it is, and writes no more to it."""
        self._forget(number)
        if not self.is_sealed(number):
            await self.seal()

    def _forget(self, number: int) -> None:
        del self._sizes[number]
        self._counts.pop(number, None)
