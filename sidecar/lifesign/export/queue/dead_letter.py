"""What could not be read or was refused is set aside, for a person to look at."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Sequence

import msgspec

from lifesign.export.complaint import Complaint
from lifesign.off_loop import off_loop

FILE_NAME = "rejected.jsonl"
SIZE_MAX = 1 << 20  # bytes; twice that with the file before
LINE_MAX = 65536  # bytes kept of one line


class DeadLetter(msgspec.Struct):
    """One line of the file: wall clock nanoseconds, the reason, and the line as it was."""

    at: int
    why: str
    line: str


class DeadLetterFile:
    """``rejected.jsonl`` in the spool's directory. When it is full it replaces the one before it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._complaint = Complaint()

    async def add(self, lines: Sequence[bytes], why: str) -> None:
        """Appends lines of the spool with the reason why they stand here."""
        at = time.time_ns()
        encoded = b"".join(
            msgspec.json.encode(DeadLetter(at, why, line[:LINE_MAX].decode("utf-8", "replace").rstrip("\n"))) + b"\n"
            for line in lines
        )
        try:
            await off_loop(self._append, encoded)
        except OSError as error:
            self._complaint.say("cannot write %s: %s", self.path, error.strerror)

    def _append(self, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(content) > SIZE_MAX:
                os.replace(self.path, self.path.with_suffix(".old.jsonl"))
                os.close(descriptor)
                descriptor = os.open(self.path, flags, 0o600)
            os.write(descriptor, content[:SIZE_MAX])
        finally:
            os.close(descriptor)
