"""What a program customizes in its interpreter is not for the supervisor and the sidecar."""

from __future__ import annotations

import subprocess
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
