"""What `lifesign doctor` tries: the spool, the run directory, and the Python of a command line."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lifesign.cli.examine import injection, run_directory, spool
from lifesign.cli.options.arguments import Given
from lifesign.cli.supervise import rundirectory


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process of this machine is looked at."""
    monkeypatch.setattr(rundirectory, "_private", list)


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


def test_what_the_agent_does_not_get_into(cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho 2.7\necho 'no module named asyncio' >&2\n")
    python.chmod(0o755)
    for command, says in (
        ([str(python), "app.py"], f"the agent does not get into {python} (Python 2.7): no module named asyncio"),
        ([str(python), "-I", "app.py"], f"{python} starts Python with -I"),
        (["sh", "-c", "x"], "sh is no Python and no script of one"),
        (["no-such-program"], "no-such-program is not found"),
    ):
        problems = json.loads(cli("doctor", "--json", "--", *command).out)["problems"]
        assert [one["what"][: len(says)] for one in problems] == [says]
    python.write_text("no program")
    monkeypatch.setattr(injection, "interpreter", lambda *_: [str(python)])
    (problem,) = injection.findings([str(python)], Given({}, {}), {"PATH": "/bin"})
    assert "cannot be run" in problem.what


def test_the_agent_gets_into_this_python(cli: Callable) -> None:
    passed = json.loads(cli("doctor", "--json", "--", sys.executable, "app.py").out)["passed"]
    assert f"the agent gets into {sys.executable} (Python {platform.python_version()})" in passed
