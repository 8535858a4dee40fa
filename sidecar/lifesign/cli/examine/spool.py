"""Whether the spool, where records wait for the Collector, can be written, and has room."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lifesign.cli.examine.problem import Finding, Passed, Problem
from lifesign.cli.examine.run_directory import IN_MEMORY, filesystem
from lifesign.cli.output.terminal import bytes_long


def findings(path: Path, size: int) -> list[Finding]:
    """Tries to write a file where the spool is, or will be made.

    Args:
        size: bytes that it may take.
    """
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"lifesign")
        free = os.statvfs(place)
    except OSError as error:
        return [Problem(f"the spool cannot be written in {path}: {error.strerror}", "--spool-dir with another folder")]
    kind = filesystem(str(place))
    if kind in IN_MEMORY:
        what = f"the spool in {path} is in memory ({kind}): what waits there is lost with the machine"
        return [Problem(what, "--spool-dir with a folder on disk; in a pod a volume of its own")]
    left = free.f_bavail * free.f_frsize
    if left < size:
        what = f"the spool in {path} may take {bytes_long(size)}, and {bytes_long(left)} are free there"
        return [Problem(what, "--spool-size with less, or --spool-dir with another folder")]
    return [Passed(f"the spool can be written: {path}, {bytes_long(left)} free")]
