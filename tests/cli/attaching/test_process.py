"""Whether a process may be attached to, as /proc shows it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lifesign.cli.attaching import process
from lifesign.errors import UsageError


@pytest.mark.parametrize(
    ("mapped", "version"),
    [
        ("/usr/bin/python3.14", (3, 14)),
        ("/usr/local/bin/python3.14t", (3, 14)),
        ("/usr/lib/x86_64-linux-gnu/libpython3.15.so.1.0", (3, 15)),
        ("/usr/bin/python3.14 (deleted)", (3, 14)),
        ("/usr/lib/python3.13/lib-dynload/_asyncio.cpython-313-x86_64-linux-gnu.so", (3, 13)),
        ("/usr/bin/pypy3.11", None),
        ("/srv/python3.14/bin/nginx", None),
        ("/usr/bin/bash", None),
    ],
)
def test_the_version_is_that_of_what_is_mapped(mapped: str, version: tuple[int, int] | None) -> None:
    assert process._version([mapped]) == version


@pytest.mark.parametrize(
    ("scope", "words"),
    [("3", "is 3: nobody"), ("2", "is 2: CAP_SYS_PTRACE is needed"), ("1", "is 1: only who started process")],
)
def test_an_error_names_the_permission_that_is_missing(
    scope: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ptrace_scope").write_text(f"{scope}\n")
    monkeypatch.setattr(process, "_SCOPE", str(tmp_path / "ptrace_scope"))
    monkeypatch.setattr(process, "has_ptrace", lambda: False)
    refused = process.refused(os.getpid())
    assert (words in refused.what, refused.exit_code) == (True, 3)


def test_another_users_process_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(f"/proc/{os.getpid()}").st_uid + 1)
    assert f"runs as another user (uid {os.getuid()}" in process.refused(os.getpid()).what


def test_this_python_is_found() -> None:
    found = process.find(os.getpid())
    assert (found.version, found.pid) == (sys.version_info[:2], os.getpid())


@pytest.mark.parametrize(
    ("users", "owner", "runs", "environ"),
    [
        ({"us", "root"}, "us", True, True),
        ({"other"}, "us", True, False),
        ({"us", "other"}, "other", False, False),
        ({"other"}, "other", False, False),
    ],
)
def test_what_another_user_chose_is_not_run(
    users: set[str], owner: str, runs: bool, environ: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"us": os.geteuid(), "root": 0, "other": 4_000_000_000}
    monkeypatch.setattr(process, "_users", lambda _: {numbers[user] for user in users})
    monkeypatch.setattr(process, "_nobody_else_writes", lambda _: owner == "us")
    monkeypatch.setattr(process, "_words", lambda *_: ["PYTHONHOME=/home/other", "LD_LIBRARY_PATH=/home/other"])
    found = process.find(os.getpid(), to_enter=False)
    assert set(found.environ) == ({"PYTHONHOME", "LD_LIBRARY_PATH"} if environ else set())
    monkeypatch.setattr(process, "sees", lambda *_: True)
    theirs = "/home/other/python3.14"
    if runs:
        assert process._interpreter(1, theirs, (3, 99), trusted=runs) == theirs
    else:
        assert process._interpreter(1, theirs, sys.version_info[:2], trusted=runs) == sys.executable
        with pytest.raises(UsageError, match="it is not run as you"):
            process._interpreter(1, theirs, (3, 99), trusted=runs)
        monkeypatch.setattr(process, "sees", lambda *_: False)
        with pytest.raises(
            UsageError, match="in another mount namespace"
        ):  # so nothing is known of who may write to it
            process._interpreter(1, theirs, (3, 99), trusted=runs)


def test_who_a_process_is_and_who_may_put_another_file_in_the_place_of_one(tmp_path: Path) -> None:
    assert process._users(os.getpid()) == {os.geteuid()}
    assert process._users(2**22) == {-1}
    python = tmp_path / "bin" / "python3.14"
    python.parent.mkdir(mode=0o755)
    python.touch(0o755)
    link = tmp_path / "python3.14"
    link.symlink_to(python)
    seen = [process._nobody_else_writes(str(path)) for path in (python, link, tmp_path / "none")]
    for path in (python, python.parent):
        path.chmod(0o775)
        seen.append(process._nobody_else_writes(str(python)))
        path.chmod(0o755)
    assert seen == [True, False, False, False, False]
