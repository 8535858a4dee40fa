"""What `lifesign completion` prints, in the shells themselves."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BASH = """
source %s
COMP_WORDS=(lifesign %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p lifesign | sed 's/.*-F \\([^ ]*\\).*/\\1/') lifesign "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
echo "${COMPREPLY[@]}"
"""
LINES = [("sta", {"status", "stalls"}), ("status --wa", {"--watch"}), ("stalls --speed", {"--speedscope"})]


def printed(shell: str, tmp_path: Path) -> Path:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    file = tmp_path / "_lifesign"
    script = subprocess.run([sys.executable, "-m", "lifesign", "completion", shell], stdout=subprocess.PIPE, check=True)
    file.write_bytes(script.stdout)
    return file


@pytest.mark.parametrize(("typed", "offered"), LINES)
def test_in_bash(typed: str, offered: set[str], tmp_path: Path) -> None:
    script = BASH % (printed("bash", tmp_path), typed)
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(("typed", "offered"), LINES)
def test_in_fish(typed: str, offered: set[str], tmp_path: Path) -> None:
    script = f"source {printed('fish', tmp_path)}; complete -C 'lifesign {typed}'"
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(["fish", "-c", script], stdout=subprocess.PIPE, text=True, check=True, env=environ)
    assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == offered


def test_in_zsh(tmp_path: Path) -> None:
    folder = printed("zsh", tmp_path).parent
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "ZDOTDIR": str(tmp_path), "TERM": "dumb"})
    try:
        start = f"fpath+=({folder}); autoload -Uz compinit; compinit -u -d {tmp_path}/dump; echo rea''dy\n"
        os.write(terminal, start.encode())
        read_until(terminal, b"ready")
        os.write(terminal, b"lifesign sta\t\t")
        read_until(terminal, b"status  -- show state")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def read_until(terminal: int, wanted: bytes) -> None:
    seen, deadline = b"", time.monotonic() + 60
    while wanted not in seen:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096)
