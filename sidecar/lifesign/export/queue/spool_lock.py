"""One sidecar, one spool: which directory it is, and the lock that keeps a second one out."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Mapping

from lifesign.errors import SpoolError, SpoolFailedError, SpoolHeldError

LOCK_NAME = "lock"
RUN_NAME = "run"  # a file with the path of the run directory that it served last
_NEW = 2  # the rank of a spool that is as good as a new one
_PASSING = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)
PLACES = 1024  # sidecars of one user on one machine that find a spool of their own by default


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
            self.end()
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

    def end(self) -> None:
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


def default_directory(environ: Mapping[str, str]) -> Path:
    """The folder of the default spools; they are named 0, 1 and so on."""
    state = environ.get("XDG_STATE_HOME", "")
    # The XDG specification has relative paths ignored.
    home = Path(state) if state.startswith("/") else Path(os.path.expanduser("~")) / ".local" / "state"
    return home / "lifesign" / "spool"


def first_free(directory: Path, run: str) -> SpoolLock:
    """Takes a numbered spool in `directory` that nobody holds.

    The one that served the run directory `run` last comes first: it knows what was exported of it. Then come those with
    something left to deliver, which nobody else may ever look into again.

    Raises:
        SpoolError: none can be had.
    """
    there = set[str]()
    with contextlib.suppress(OSError):  # then the first place says what is wrong
        there.update(os.listdir(directory))
    for _, number in sorted((_rank(directory / str(n), run) if str(n) in there else _NEW, n) for n in range(PLACES)):
        try:
            lock = SpoolLock(directory / str(number))
        except SpoolHeldError:
            continue
        with contextlib.suppress(OSError):  # then it is the next best one, next time
            (lock.directory / RUN_NAME).write_bytes(os.fsencode(run))
        return lock
    raise SpoolError(f"all {PLACES} spools in {directory} are in use", "set LIFESIGN_SPOOL_DIR")


def _rank(spool: Path, run: str) -> int:
    with contextlib.suppress(OSError):
        if (spool / RUN_NAME).read_bytes() == os.fsencode(run):
            return 0
    return 1 if any(spool.glob("*/0*.jsonl")) else _NEW
