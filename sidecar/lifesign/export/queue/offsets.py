"""How far a spool is delivered, and what was lost and refused on the way, over all its lives."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from lifesign.export.complaint import Complaint
from lifesign.off_loop import off_loop

FILE_NAME = "counts.json"
_BYTES = 256  # always as long, so that a full disk need not give anything to take new values


class Position(NamedTuple):
    """A place in the spool: byte `offset` of segment number `segment`."""

    segment: int
    offset: int


class Counts(msgspec.Struct):
    """Signals that were not delivered: dropped for want of room, not readable, refused by the Collector.

    What lies before byte `offset` of segment number `segment` is delivered or counted, and so is all of segment
    number `gone`.
    """

    spool: int = 0
    invalid: int = 0
    rejected: int = 0
    segment: int = 0
    offset: int = 0
    gone: int = 0


class Offsets:
    """Counts and cursor that outlive the sidecar, in ``counts.json``.

    They stand in one file because they change in one step: a kill finds what was lost behind the cursor and in the
    counts, or in neither. They are saved before what they count is let go.

    Args:
        directory: of the spool; None keeps them in memory.

    Raises:
        OSError: the file is there, and cannot be read.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE_NAME
        self.counts = self._load()
        self._saved = b""
        self._complaint = Complaint()

    @property
    def cursor(self) -> Position:
        """Everything before it is done with."""
        return Position(self.counts.segment, self.counts.offset)

    @cursor.setter
    def cursor(self, position: Position) -> None:
        self.counts.segment, self.counts.offset = position

    async def save(self) -> None:
        """Writes them, if they changed."""
        content = msgspec.json.encode(self.counts).ljust(_BYTES)
        if self._path is None or content == self._saved:
            return
        try:
            await off_loop(self._write, self._path, content)
        except OSError as error:
            self._complaint.say("cannot write %s: %s", self._path, error.strerror)
        else:
            self._saved = content

    def _load(self) -> Counts:
        if self._path is None:
            return Counts()
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return Counts()  # from the beginning: what comes twice is recognisable, what is lost is lost
            raise
        try:
            counts = msgspec.json.decode(os.read(descriptor, 2 * _BYTES), type=Counts)
        except msgspec.DecodeError:
            return Counts()
        finally:
            os.close(descriptor)
        return counts if min(msgspec.structs.astuple(counts)) >= 0 else Counts()

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        # In place: one write of this size is whole or not there, and needs no room that a full disk does not have.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)
