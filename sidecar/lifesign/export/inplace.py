"""A small file that is written over and over, and is whole whenever this process is killed."""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 128  # of such a file, always as long, so that a full disk need not give anything to take what is new


def write_in_place(path: Path, content: bytes) -> None:
    """Writes `content`, JSON of at most `BYTES`, and spaces behind it. Blocks.

    One write of this size is whole or not there. A new file in its place would want room that a full disk does not
    have, and three times as many calls of a slow one.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, content.ljust(BYTES), 0)
    finally:
        os.close(descriptor)
