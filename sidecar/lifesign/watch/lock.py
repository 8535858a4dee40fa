"""One sidecar at a time watches a run directory, by a lock in it that the kernel frees when the holder dies."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat

from lifesign.judge.rundir import RunDirectory
from lifesign.wire.folder import SIDECAR_LOCK

_logger = logging.getLogger("lifesign.watch")


class RunDirectoryLock:
    """The right to watch a run directory.

    If no lock can be taken (the directory is read-only or somebody else's, the file is not a regular file), the
    sidecar watches without one: two of them would then emit everything twice, with the same ids.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether this sidecar may watch; False while another one does. Not to be called again after True."""
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            # Closing any descriptor of this file would drop the lock: nothing else here ever opens it.
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if self._descriptor is not None and error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            _logger.info(
                "lifesign: %s cannot be locked against a second sidecar: %s", self._directory.path, error.strerror
            )
        return True

    def end(self) -> None:
        """Lets another sidecar watch."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(SIDECAR_LOCK, flags, 0o600, dir_fd=self._directory.descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"{SIDECAR_LOCK} is not a regular file")
        return descriptor
