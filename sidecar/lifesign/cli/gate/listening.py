"""The TCP ports that a process listens at, as the kernel shows them."""

from __future__ import annotations

import contextlib
import os

_LISTENS = b"0A"
_TABLES = ("tcp", "tcp6")


def ports(pid: int) -> list[int]:
    """The lowest first; none where the platform does not say, or we may not look."""
    found: set[int] = set()
    with contextlib.suppress(OSError, ValueError, IndexError):
        sockets = _sockets(pid)
        for table in _TABLES:
            with open(f"/proc/{pid}/net/{table}", "rb") as lines:
                for fields in map(bytes.split, lines):
                    if fields[3] == _LISTENS and fields[9] in sockets:
                        found.add(int(fields[1].rpartition(b":")[2], 16))
    return sorted(found)


def _sockets(pid: int) -> set[bytes]:
    """The inodes of its sockets."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # it is closed by now
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1].encode())
    return found
