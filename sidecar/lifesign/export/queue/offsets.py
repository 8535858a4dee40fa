"""How far a spool is delivered, and how much was lost and refused, across restarts."""

from __future__ import annotations

import errno
import logging
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from lifesign.export.complaint import Complaint
from lifesign.off_loop import off_loop

FILE_NAME = "counts.json"
COUNT_MAX = 1 << 60  # records; OTLP carries 63 bits, and several counts are added up
_SEGMENT_MAX = 10**15  # more would not fit the name of a segment
_BYTES = 256  # always as long, so that a full disk need not give anything to take new values


_logger = logging.getLogger("lifesign")


class Position(NamedTuple):
    """A place in the spool: byte `offset` of segment number `segment`."""

    segment: int
    offset: int


class Counts(msgspec.Struct, forbid_unknown_fields=True):
    """Records that were not delivered: dropped for want of room, not readable, refused by the Collector.

    What lies before byte `offset` of segment number `segment` is delivered or counted, and so is all of segment
    number `gone`. `crc` is the checksum of them all in the file; one that an older version wrote has none.
    """

    spool: int = 0
    invalid: int = 0
    rejected: int = 0
    segment: int = 0
    offset: int = 0
    gone: int = 0
    crc: int | None = None

    def add(self, *, spool: int = 0, invalid: int = 0, rejected: int = 0) -> None:
        """Counts more of them, within what can be exported."""
        self.spool = min(self.spool + spool, COUNT_MAX)
        self.invalid = min(self.invalid + invalid, COUNT_MAX)
        self.rejected = min(self.rejected + rejected, COUNT_MAX)

    def checksum(self) -> int:
        return zlib.crc32(
            repr((self.spool, self.invalid, self.rejected, self.segment, self.offset, self.gone)).encode()
        )

    def is_possible(self) -> bool:
        """Whether it can ever have been written."""
        counts, places = (self.spool, self.invalid, self.rejected), (self.segment, self.gone)
        return (
            all(0 <= count <= COUNT_MAX for count in counts)
            and all(0 <= place <= _SEGMENT_MAX for place in places)
            and self.offset >= 0
        )


class Offsets:
    """Counts and cursor that outlive the sidecar, in ``counts.json``.

    They share one file because they change in one step: after a kill, a loss is before the cursor and in the counts,
    or in neither. They are saved before the records that they count are dropped.

    Args:
        directory: of the spool; None keeps them in memory.

    Raises:
        OSError: the file is there, and cannot be read.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE_NAME
        self.counts = self._load() or Counts()
        self._saved = b""
        self._complaint = Complaint()

    @property
    def cursor(self) -> Position:
        """Everything before it is delivered or counted."""
        return Position(self.counts.segment, self.counts.offset)

    @cursor.setter
    def cursor(self, position: Position) -> None:
        self.counts.segment, self.counts.offset = position

    async def save(self) -> None:
        """Writes them, if they changed."""
        self.counts.crc = self.counts.checksum()
        content = encoded(self.counts)
        if self._path is None or content == self._saved:
            return
        try:
            await off_loop(self._write, self._path, content)
        except OSError as error:
            self._complaint.say("cannot write %s: %s", self._path, error.strerror)
        else:
            self._saved = content

    def _load(self) -> Counts | None:
        """None for a new spool, or where it begins anew: then what is delivered twice is recognisable by its ids."""
        if self._path is None:
            return None
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return None
            raise
        try:
            found = decoded(os.read(descriptor, 2 * _BYTES))
        finally:
            os.close(descriptor)
        if found is None:
            _logger.warning(
                "lifesign: %s is damaged: the spool is delivered from its beginning, and what is lost counts from 0",
                self._path,
            )
        return found

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        # In place: one write of this size is whole or not there, and needs no room that a full disk does not have.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)


def encoded(counts: Counts) -> bytes:
    """What the file holds."""
    return msgspec.json.encode(counts).ljust(_BYTES)


def decoded(content: bytes) -> Counts | None:
    """None where it is not what was written."""
    try:
        counts = msgspec.json.decode(content, type=Counts)
    except (ValueError, RecursionError):  # a key that is no UTF-8 is not even a DecodeError
        return None
    is_whole = counts.crc is None or counts.crc == counts.checksum()
    return counts if is_whole and counts.is_possible() else None
