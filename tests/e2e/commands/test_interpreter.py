"""What a program customizes in its interpreter is not for the supervisor and the sidecar."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.cli.supervise import interpreter


@pytest.fixture
def custom(tmp_path: Path) -> Path:
    """A folder for ``PYTHONPATH`` that would change every Python."""
    (tmp_path / "sitecustomize.py").write_text("print('customized')\n")
    (tmp_path / "json.py").write_text("raise ImportError('not the one of the standard library')\n")
    return tmp_path


def test_it_is_the_command_without_the_customization(custom: Path) -> None:
    environ = {"PYTHONPATH": f":{custom}", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    program = interpreter.command(environ)
    ended = subprocess.run([*program, "doctor", "--json"], env=environ, cwd=custom, capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("{")


def test_cmd_is_inspected_and_its_supervisor_is_not() -> None:
    environ = {**os.environ, "PYTHONINSPECT": "1", "LIFESIGN_PAGE_ADDR": "127.0.0.1:0"}
    program = "import sys; print(sys.flags.inspect)"
    line = [sys.executable, "-m", "lifesign", "run", "--", sys.executable, "-c", program]
    ended = subprocess.run(line, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "1\n")
    assert "SystemExit" not in ended.stderr


@pytest.mark.parametrize("command", [["lifesign.probe", "--dir"], ["lifesign", "probe", "--dir"]])
def test_a_probe_answers_by_its_status_where_python_is_to_inspect(tmp_path: Path, command: list[str]) -> None:
    environ = {**os.environ, "PYTHONINSPECT": "1"}

    def asked(*more: str) -> tuple[int, str, str]:
        line = [sys.executable, "-m", *command, str(tmp_path), *more]
        ended = subprocess.run(line, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return ended.returncode, ended.stdout, ended.stderr

    assert asked("--startup") == (1, "failed\n", "")
    assert asked("--stopping") == (0, "", "")
