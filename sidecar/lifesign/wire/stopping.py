"""``stopping.json``: the preStop hook of a container announces there that the container is about to be stopped.

One object in the run directory, replaced as a whole: ``{"asked_mono_ns": 84...}``, on the monotonic clock, which the
containers of a pod share. Whoever can write to the run directory can announce a stop, and nobody else: it is a volume
of the pod.
"""

from __future__ import annotations

import json
import os
import time

from lifesign.wire.folder import STOPPING_FILE, PulseError, open_regular, replace_file

_BYTES = 256


def announce(directory: str) -> None:
    """Announces that every watched process is about to be stopped.

    Raises:
        OSError: the run directory cannot be written.
    """
    replace_file(directory, STOPPING_FILE, {"asked_mono_ns": time.monotonic_ns()})


class Announcements:
    """Reads the newest announcement, and the file only where it changed.

    Args:
        directory: descriptor of the run directory.
    """

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._seen: tuple[int, int] | None = None

    def new(self) -> int | None:
        """The time of an announcement that was not returned before, monotonic nanoseconds; None for none."""
        try:
            found = os.stat(STOPPING_FILE, dir_fd=self._directory, follow_symlinks=False)
        except OSError:
            return None
        if self._seen == (found.st_ino, found.st_mtime_ns):
            return None
        self._seen = (found.st_ino, found.st_mtime_ns)
        try:
            descriptor = open_regular(STOPPING_FILE, self._directory)
        except (OSError, PulseError):
            return None
        try:
            content = json.loads(os.read(descriptor, _BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        finally:
            os.close(descriptor)
        at = content.get("asked_mono_ns") if isinstance(content, dict) else None
        # Nobody can have announced in the future: that would be true of every process that is started later.
        return at if type(at) is int and 0 <= at <= time.monotonic_ns() else None
