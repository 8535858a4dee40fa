"""What was lost and refused, counted over all the lives of a spool."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from lifesign.export.complaint import Complaint
from lifesign.export.inplace import BYTES, InPlace

FILE_NAME = "counts.json"


class Counts(msgspec.Struct):
    """Signals that were not delivered: dropped for want of room, not readable, refused by the Collector."""

    spool: int = 0
    invalid: int = 0
    rejected: int = 0


class Tally:
    """Counts that outlive the sidecar, in ``counts.json``.

    They are saved before what they count is let go. So a kill in between counts something twice, and
    nothing is lost without being counted.

    Args:
        directory: of the spool; None keeps them in memory.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE_NAME
        self.counts = self._load()
        self._file = None if self._path is None else InPlace(self._path)
        self._saved = b""
        self._complaint = Complaint()

    async def save(self) -> None:
        """Writes the counts, if they changed."""
        content = msgspec.json.encode(self.counts)
        if self._file is None or content == self._saved:
            return
        try:
            await asyncio.to_thread(self._file.write, content)
        except OSError as error:
            self._complaint.say("cannot write %s: %s", self._path, error.strerror)
        else:
            self._saved = content

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _load(self) -> Counts:
        if self._path is None:
            return Counts()
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return msgspec.json.decode(os.read(descriptor, BYTES), type=Counts)
            finally:
                os.close(descriptor)
        except (OSError, msgspec.DecodeError):
            return Counts()
