"""The number of a process within one dry run: 0 for the first, 1 for the second, and so on.

Workers of a server have the same environment, and the same seed would make the same events in each of them. They
get different numbers by locks on a file in the run directory: byte *n* is locked by worker number *n* for as long
as it lives, and whoever takes its place takes its number.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from lifesign.wire.folder import DRY_RUN_LOCK

_WORKERS_MAX = 1000


class Worker:
    """This process's number in a run directory; a forked child asks for one of its own."""

    def __init__(self) -> None:
        self._pid = 0
        self._number = 0
        self._descriptor = -1  # stays open: closing it would free the number

    def number(self, directory: str) -> int:
        """The lowest number that is free; that of its process id where the directory cannot be written.

        Args:
            directory: the run directory.
        """
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._number = self._take(directory)
        return self._number

    def _take(self, directory: str) -> int:
        with contextlib.suppress(OSError):
            # Not the descriptor that a parent had: this process may have closed it, and its number be anybody's.
            self._descriptor = os.open(
                os.path.join(directory, DRY_RUN_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            with contextlib.suppress(OSError):  # it is another user's
                os.fchmod(self._descriptor, 0o600 | os.stat(directory).st_mode & 0o066)
            for number in range(_WORKERS_MAX):
                with contextlib.suppress(OSError):
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                    return number
        return os.getpid()


worker = Worker()
