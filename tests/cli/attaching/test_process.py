"""Whether a process may be attached to, as /proc shows it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lifesign.cli.attaching import process


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
