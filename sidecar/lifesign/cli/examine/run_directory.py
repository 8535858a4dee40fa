"""Whether the run directory is usable: it must exist, be writable, and be in memory."""

from __future__ import annotations

import os
import tempfile

from lifesign.cli.examine.problem import Finding, Passed, Problem
from lifesign.cli.output.terminal import bytes_long
from lifesign.errors import RunDirectoryError
from lifesign.judge.rundir import RunDirectory

MEMORY = "/dev/shm"  # noqa: S108 - only ever as the place of a private directory
IN_MEMORY = ("tmpfs", "ramfs")
_MOUNTS = "/proc/self/mountinfo"


def findings(path: str | None, ring: int) -> list[Finding]:
    """Whether a run directory can be written, is in memory, and has room; None: each run makes one of its own.

    Args:
        ring: bytes that each process takes there.
    """
    place = path or MEMORY
    if path is None and not os.path.isdir(place):
        return [Passed("each run makes a run directory of its own, where temporary files go")]
    try:
        RunDirectory(place).close()
    except RunDirectoryError as error:
        return [Problem.of(error) if os.path.lexists(place) else Problem(error.what, f"mkdir {place}")]
    if not os.access(place, os.W_OK | os.X_OK):
        return [Problem(f"the run directory {place} cannot be written", "compare its owner and mode with your user")]
    kind = filesystem(place)
    if kind is not None and kind not in IN_MEMORY:
        what = f"the run directory {place} is not on memory ({kind}): writing to it can stop the event loop"
        return [Problem(what, "a folder in /dev/shm; in a pod an emptyDir with medium: Memory")]
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            os.posix_fallocate(file.fileno(), 0, ring)
    except OSError as error:
        what = f"the run directory has no room for a process in {place}, which takes {bytes_long(ring)}"
        return [Problem(f"{what}: {error.strerror}", "more shared memory (docker run --shm-size), or less --ring-size")]
    made = "each run makes a run directory of its own in" if path is None else "a process has room in the run directory"
    return [Passed(f"{made} {place}")]


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
