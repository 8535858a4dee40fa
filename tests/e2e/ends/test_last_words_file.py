"""What processes that crash leave in the file of their last words, without a run directory and a sidecar."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.victims import INJECT


def run(program: str, folder: Path, how: str = "on") -> subprocess.CompletedProcess[str]:
    """A process with last words in `folder`, and no agent."""
    begin = (
        "import os\nfrom lifesign.agent.lastwords.crash import CrashDump\n"
        f"create = lambda name, flags: os.open({str(folder)!r} + '/' + name, os.O_RDWR | os.O_CREAT | flags, 0o600)\n"
        f"dump = CrashDump(create, {how!r})\n"
    )
    environ = {"PYTHONPATH": str(INJECT.parents[2]), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", program.replace("BEGIN", begin)],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_nobody_answers_fatal_signals_in_a_new_process() -> None:
    assert run("import lifesign.agent.lastwords.crash as l; assert not l._caught()", Path()).returncode == 0


def test_a_crash_leaves_its_stack_and_says_no_more_than_it_would(tmp_path: Path) -> None:
    ended = run("BEGIN\nimport ctypes\ndef crash(): ctypes.string_at(0)\ncrash()", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-11, "", "")
    written = (tmp_path / "last-words").read_text()
    assert written.startswith("Fatal Python error: Segmentation fault\n")
    assert "in crash\n" in written


@pytest.mark.parametrize(
    "program",
    [
        "import faulthandler, sys\nfaulthandler.enable()\nBEGIN",
        "BEGIN\nimport faulthandler\nfaulthandler.enable()",
        "import _pytest\nimport faulthandler\nfaulthandler.enable()\nBEGIN",
    ],
    ids=["before us", "after us", "pytest"],
)
def test_an_app_that_has_handlers_of_its_own_keeps_them(tmp_path: Path, program: str) -> None:
    ended = run(f"{program}\nimport os\nos.abort()", tmp_path)
    assert "Fatal Python error: Aborted" in ended.stderr
    assert not any(path.read_bytes() for path in tmp_path.iterdir())


def test_a_forked_child_writes_nothing_into_its_parents_file(tmp_path: Path) -> None:
    program = "BEGIN\nimport os\nif (pid := os.fork()) == 0:\n dump.abandon()\n os.abort()\nos.waitpid(pid, 0)"
    assert run(program, tmp_path).returncode == 0
    assert (tmp_path / "last-words").read_bytes() == b""
