"""One sidecar, one spool directory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.errors import SpoolError, SpoolHeldError
from lifesign.export.queue.spool_lock import SpoolLock, default_directory, first_free, refusal

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
        free = first_free(tmp_path, "/run")
        assert free.directory == tmp_path / "1"
        free.end()
        holder.kill()
        holder.wait()
        SpoolLock(tmp_path / "0").end()  # the kernel freed it


def test_the_default_directory_follows_xdg() -> None:
    assert default_directory({"XDG_STATE_HOME": "/state"}) == Path("/state/lifesign/spool")
    expected = Path.home() / ".local/state/lifesign/spool"
    assert default_directory({"XDG_STATE_HOME": "not/absolute"}) == expected
    assert default_directory({}) == expected


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
    lock.end()


def test_a_sidecar_comes_back_to_the_spool_of_its_run_directory(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "run").write_text(f"/run/{name}")
    for name, number in (("b", "1"), ("a", "0"), ("c", "0"), ("b", "1"), ("a", "0")):
        back = first_free(tmp_path, f"/run/{name}")
        assert back.directory == tmp_path / number
        back.end()


def test_what_was_left_undelivered_is_found_by_whoever_comes_next(tmp_path: Path) -> None:
    for name in ("0", "1", "2", "note", "999999"):
        (tmp_path / name / "logs").mkdir(parents=True)
    (tmp_path / "2" / "logs" / "0000000000000007.jsonl").write_text("")
    (tmp_path / "1" / "run").write_text("/elsewhere")
    found = first_free(tmp_path, "/run")
    assert found.directory == tmp_path / "2"
    found.end()


@pytest.mark.parametrize(("number", "status"), [(errno.EIO, 1), (errno.ENOSPC, 1), (errno.EROFS, 3), (errno.EACCES, 3)])
def test_what_may_be_better_at_the_next_start_is_no_error_of_usage(tmp_path: Path, number: int, status: int) -> None:
    assert refusal(tmp_path, OSError(number, os.strerror(number))).exit_code == status
