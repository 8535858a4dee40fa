"""What `lifesign doctor` tries: the spool, the run directory, and the Python of a command line."""

from __future__ import annotations

from pathlib import Path
from subprocess import TimeoutExpired
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.cli.examine import injection, run_directory, spool
from lifesign.cli.options.arguments import Given
from lifesign.errors import RunDirectoryError
from support.rows import rows


def test_the_spool_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "filesystem", lambda _path: "ext4")
    (passed,) = spool.findings(tmp_path / "made" / "later", 1)
    assert passed.what.startswith(f"the spool can be written: {tmp_path}/made/later, ")
    (problem,) = spool.findings(tmp_path, 1 << 62)
    assert "may take 4194304 TiB" in problem.what
    monkeypatch.setattr(spool, "filesystem", lambda _path: "tmpfs")
    (problem,) = spool.findings(tmp_path, 1)
    assert "is in memory (tmpfs)" in problem.what
    (problem,) = spool.findings(Path("/proc/nobody/writes/here"), 1)
    assert "cannot be written" in problem.what


def test_a_run_directory_without_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_directory, "filesystem", lambda _path: "tmpfs")
    monkeypatch.setattr(run_directory.os, "posix_fallocate", full)
    (problem,) = run_directory.findings(str(tmp_path), 1 << 20)
    assert problem.what.endswith(f"in {tmp_path}, which takes 1.0 MiB: No space left on device")
    monkeypatch.setattr(run_directory, "MEMORY", str(tmp_path / "none"))
    assert "where temporary files go" in run_directory.findings(None, 1)[0].what


@pytest.mark.parametrize(
    ("first", "command", "python"),
    [
        ("", ["python3", "-X", "dev", "-u", "app.py", "-q"], ["python3", "-X"]),
        ("", ["python3", "-m", "app"], ["python3"]),
        ("#!{python3} -E", ["script"], ["python3", "-E"]),
        ("#!/usr/bin/env python3", ["script"], ["python3"]),
        ("#!/usr/bin/env -S python3 -B", ["script"], ["python3", "-B"]),
        ("#!/usr/bin/env no-such-python", ["script"], None),
        ("#!/bin/sh", ["script"], None),
        ("", ["no-such-program"], None),
    ],
)
def test_the_python_of_a_command_line(tmp_path: Path, first: str, command: list[str], python: list[str] | None) -> None:
    for name in ("python3", "script"):
        (tmp_path / name).write_text(first.format(python3=tmp_path / "python3") + "\n")
        (tmp_path / name).chmod(0o755)
    found = injection.interpreter(command, {"PATH": str(tmp_path)})
    assert found == (None if python is None else [str(tmp_path / python[0]), *python[1:]])


class Python:
    """What is run instead of an interpreter: it is watched or not, and prints."""

    def __init__(self, *, watched: bool, said: bytes = b"", error: Exception | None = None) -> None:
        self._watched, self._said, self._error = watched, said, error
        self.ran: list[str] = []

    def __call__(self, command: list[str], env: dict[str, str], **_: Any) -> Any:
        self.ran = command
        if self._error is not None:
            raise self._error
        if self._watched:
            (Path(env["LIFESIGN_DIR"]) / "1-0badcafe").mkdir()
        return SimpleNamespace(stdout=b"3.11.7\n", stderr=self._said)


@rows(
    ("python", "command", "says"),
    [
        (Python(watched=True), ["python3", "-X", "app.py"], "the agent gets into {python} (Python 3.11.7)"),
        (Python(watched=False, said=b"a\nb\n"), ["python3"], "the agent does not get into {python} (Python 3.11.7): b"),
        (Python(watched=False), ["python3"], "the agent does not get into {python} (Python 3.11.7)"),
        (Python(watched=False, error=TimeoutExpired("python3", 20)), ["python3"], "{python} cannot be run: "),
        (Python(watched=True), ["python3", "-I", "app.py"], "python3 starts Python with -I"),
        (Python(watched=True), ["sh", "-c", "x"], "sh is no Python and no script of one"),
        (Python(watched=True), ["no-such-program"], "no-such-program is not found"),
    ],
)
def test_whether_the_agent_gets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: Python, command: list[str], says: str
) -> None:
    for name in ("python3", "sh"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setattr(injection.subprocess, "run", python)
    (found,) = injection.findings(command, Given({}, {}), {"PATH": str(tmp_path)})
    assert found.what.startswith(says.format(python=tmp_path / "python3"))
    assert python.ran[:1] == ([str(tmp_path / "python3")] if "{python}" in says else [])


def test_without_a_run_directory_it_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise RunDirectoryError("no private run directory can be made", "--dir DIR")

    (tmp_path / "python3").touch(0o755)
    monkeypatch.setattr(injection.rundirectory, "make", fails)
    (found,) = injection.findings(["python3"], Given({}, {}), {"PATH": str(tmp_path)})
    assert found.what == "no private run directory can be made"
