"""Files that are there whole or not at all, and that nobody else may read."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, part: Path, content: bytes) -> None:
    """Replaces a file by one that is written beside it first, as `part`, of which nothing is left where that fails.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(part, flags, 0o600), "wb") as opened:
            opened.write(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)  # a full disk has no room for a half
        raise
