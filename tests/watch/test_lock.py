"""One sidecar at a time watches a run directory, and none is kept from it for ever."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.judge.rundir import RunDirectory
from lifesign.watch.lock import RunDirectoryLock
from lifesign.wire.folder import SIDECAR_LOCK as LOCK
from support.mainprocess import LockHolder


@pytest.fixture
def directory(run: Path) -> Iterator[RunDirectory]:
    directory = RunDirectory(str(run))
    yield directory
    directory.close()


def test_the_second_waits_until_the_first_is_gone(run: Path, directory: RunDirectory, holder: LockHolder) -> None:
    holder("hold", run / LOCK)
    lease = RunDirectoryLock(directory)
    assert [lease.take(), lease.take()] == [False, False]
    holder("free", run / LOCK)
    assert lease.take()
    assert (run / LOCK).stat().st_mode & 0o777 == 0o600
    lease.end()
    lease.end()


def test_what_is_taken_is_kept_until_its_end(run: Path, directory: RunDirectory) -> None:
    lease = RunDirectoryLock(directory)
    assert lease.take()
    looking = os.fork()
    if not looking:  # a process does not see its own record locks
        with open(run / LOCK, "rb+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(looking, 0)[1]) == 7
    lease.end()


@pytest.mark.parametrize("made", ["link", "folder", "fifo"])
def test_where_the_lock_is_no_file_it_watches_all_the_same(run: Path, directory: RunDirectory, made: str) -> None:
    precious = run.parent / "precious"
    precious.write_text("keep me")
    if made == "link":
        (run / LOCK).symlink_to(precious)
    elif made == "folder":
        (run / LOCK).mkdir()
    else:
        os.mkfifo(run / LOCK)
    lease = RunDirectoryLock(directory)
    assert lease.take()
    lease.end()
    assert precious.read_text() == "keep me"


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_directory_that_takes_no_file_is_watched_without_a_lock(
    directory: RunDirectory, reason: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "open", refuse)
    lease = RunDirectoryLock(directory)
    assert lease.take()
    lease.end()
    assert f"cannot be locked against a second sidecar: {os.strerror(reason)}" in caplog.text
