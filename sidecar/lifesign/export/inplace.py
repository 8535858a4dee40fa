"""A small file that is written over and over, and is whole whenever this process is killed."""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 128  # of such a file, always as long, so that a full disk need not give anything to take what is new


class InPlace:
    """The file at `path`, made with the first write and kept open: a slow disk is asked for one thing a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def write(self, content: bytes) -> None:
        """Writes `content`, JSON of at most `BYTES`, and spaces behind it. Blocks.

        One write of this size is whole or not there, and needs no room that a full disk does not have.

        Raises:
            OSError: it cannot be written.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(self._descriptor, content.ljust(BYTES), 0)
        except OSError:
            self.close()  # the next one may find it well again
            raise

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
