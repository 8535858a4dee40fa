"""Whether the run directory is usable: it must exist, be writable, and be in memory."""

from __future__ import annotations

import os

from lifesign.cli.examine.problem import Problem

_MOUNTS = "/proc/self/mountinfo"


def problems(path: str | None) -> list[Problem]:
    """What is wrong with a run directory; None, where `lifesign run` makes one of its own, is sound."""
    if path is None:
        return []
    if not os.path.isdir(path):
        return [Problem(f"the run directory {path} does not exist", f"mkdir {path}")]
    if not os.access(path, os.W_OK | os.X_OK):
        return [Problem(f"the run directory {path} cannot be written", "compare its owner and mode with your user")]
    kind = filesystem(path)
    if kind is not None and kind not in ("tmpfs", "ramfs"):
        what = f"the run directory {path} is not on memory ({kind}): writing to it can stop the event loop"
        return [Problem(what, "a folder in /dev/shm; in a pod an emptyDir with medium: Memory")]
    return []


def filesystem(path: str) -> str | None:
    """The type of the file system that `path` is on; None where the platform does not say."""
    path = os.path.join(os.path.realpath(path), "")
    found: tuple[str, str] | None = None
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                fields, _, rest = line.partition(" - ")
                point = os.path.join(fields.split()[4].replace("\\040", " "), "")
                # The longest mount point is the nearest; of two on the same one the later hides the earlier.
                if path.startswith(point) and (found is None or len(point) >= len(found[0])):
                    found = point, rest.split()[0]
    except OSError:
        return None
    return found[1] if found else None
