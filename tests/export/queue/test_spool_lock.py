"""One sidecar, one spool directory."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.errors import SpoolError, SpoolHeldError
from lifesign.export.queue.places import Owner, take
from lifesign.export.queue.spool_lock import SpoolLock, refusal

HOLDER = """
import sys, pathlib
from lifesign.export.queue.spool_lock import SpoolLock, refusal
lock = SpoolLock(pathlib.Path(sys.argv[1]) / "0")
print("held", flush=True)
input()
"""


def test_a_second_sidecar_is_kept_out(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SpoolHeldError, match="another sidecar uses the spool") as caught:
            SpoolLock(tmp_path / "0")
        assert caught.value.exit_code == 1
        free = take(tmp_path, Owner("to", "shop", "/run"))
        assert free.directory == tmp_path / "1"
        free.close()
        holder.kill()
        holder.wait()
        SpoolLock(tmp_path / "0").close()  # the kernel freed it


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me")
    (tmp_path / "lock").symlink_to(secret)
    with pytest.raises(SpoolError, match="cannot be written"):
        SpoolLock(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    lock = SpoolLock(tmp_path)
    assert lock.folder("logs").is_dir()
    (tmp_path / "traces").write_text("")
    with pytest.raises(SpoolError, match="traces cannot be written: File exists"):
        lock.folder("traces")
    lock.close()


@pytest.mark.parametrize(("number", "status"), [(errno.EIO, 1), (errno.ENOSPC, 1), (errno.EROFS, 3), (errno.EACCES, 3)])
def test_what_may_be_better_at_the_next_start_is_no_error_of_usage(tmp_path: Path, number: int, status: int) -> None:
    assert refusal(tmp_path, OSError(number, os.strerror(number))).exit_code == status


@pytest.mark.parametrize(
    ("reason", "says"),
    [(errno.EMFILE, "Too many open files"), (errno.ENOLCK, "cannot be locked: No locks available")],
)
def test_a_directory_that_takes_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int, says: str
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "lockf", refuses)
    with pytest.raises(SpoolError, match=says):
        SpoolLock(tmp_path / "0")
    monkeypatch.undo()
    lock = SpoolLock(tmp_path / "0")
    lock.close()
    lock.close()
