"""The pipe in the run directory through which the buttons of lifesign's page reach the order desk."""

from __future__ import annotations

import contextlib
import os
import stat

_NAME = "demo"


class Pipe:
    """The desk's end. What is pressed while the event loop is blocked waits in it.

    Raises:
        OSError: it cannot be made there.
    """

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, _NAME)
        if is_there(directory):  # of one that was killed
            os.unlink(self._path)
        os.mkfifo(self._path, 0o600)
        self.descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        self._held = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)  # or it ends after each button

    def close(self) -> None:
        """Nobody is heard any more."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        os.close(self._held)
        os.close(self.descriptor)


def is_there(directory: str) -> bool:
    """Whether an order desk listens in this run directory, or did until it was killed."""
    try:
        return stat.S_ISFIFO(os.lstat(os.path.join(directory, _NAME)).st_mode)
    except OSError:
        return False


def press(directory: str, letter: str) -> None:
    """Never waits.

    Raises:
        OSError: nobody listens.
    """
    descriptor = os.open(os.path.join(directory, _NAME), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise FileNotFoundError("no pipe")
        os.write(descriptor, f"{letter}\n".encode())
    finally:
        os.close(descriptor)
