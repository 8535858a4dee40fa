"""What was lost and refused, counted over all the lives of a spool."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from lifesign.export.complaint import Complaint

FILE_NAME = "counts.json"
_BYTES = 128  # always as long, so that a full disk need not give anything to take a new count


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
        self._saved = b""
        self._complaint = Complaint()

    async def save(self) -> None:
        """Writes the counts, if they changed."""
        content = msgspec.json.encode(self.counts).ljust(_BYTES)
        if self._path is None or content == self._saved:
            return
        try:
            await asyncio.to_thread(self._write, self._path, content)
        except OSError as error:
            self._complaint.say("cannot write %s: %s", self._path, error.strerror)
        else:
            self._saved = content

    def _load(self) -> Counts:
        if self._path is None:
            return Counts()
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return msgspec.json.decode(os.read(descriptor, 2 * _BYTES), type=Counts)
            finally:
                os.close(descriptor)
        except (OSError, msgspec.DecodeError):
            return Counts()

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        # In place: one write of this size is whole or not there, and needs no room that a full disk does not have.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)
