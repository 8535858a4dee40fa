"""One sidecar, one spool: the lock that keeps a second one out."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from lifesign.errors import SpoolError, SpoolFailedError, SpoolHeldError

LOCK_NAME = "lock"
_PASSING = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)


class SpoolLock:
    """A spool's directory while this process holds it. The kernel ends it when the process dies.

    Args:
        directory: made, with its parents, where it is missing.

    Raises:
        SpoolHeldError: another process holds it.
        SpoolError: it cannot be made or written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor: int | None = os.open(directory / LOCK_NAME, flags, 0o600)
        except OSError as error:
            raise refusal(directory, error) from None
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if error.errno in _PASSING:
                raise refusal(directory, error) from None
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise SpoolError(
                    f"the spool {directory} cannot be locked: {error.strerror}",
                    "set LIFESIGN_SPOOL_DIR to a local directory",
                ) from None
            raise SpoolHeldError(
                f"another sidecar uses the spool {directory}",
                "set LIFESIGN_SPOOL_DIR to a directory of its own for each sidecar",
            ) from None

    def folder(self, name: str) -> Path:
        """A folder in the directory, made where it is missing.

        Raises:
            SpoolError: it cannot be made.
        """
        path = self.directory / name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise refusal(path, error) from None
        return path

    def close(self) -> None:
        """Lets another sidecar in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def refusal(path: Path, error: OSError) -> SpoolError:
    """What to say of a spool that cannot be opened: whether another start may find it better."""
    if error.errno in _PASSING:
        return SpoolFailedError(f"the spool {path} cannot be opened: {error.strerror}", "look after the disk")
    return SpoolError(
        f"the spool {path} cannot be written: {error.strerror}",
        "set LIFESIGN_SPOOL_DIR to a writable directory on disk",
    )
