"""Real programs that are watched: started with the agent in, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Mapping

import lifesign

INJECT = Path(lifesign.__file__).parent / "agent" / "inject"


def environment(run_directory: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a main process in the container's shape: the run directory and the injected path."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "OTEL_"))}
    environ.update(
        {"LIFESIGN_DIR": str(run_directory), "PYTHONPATH": str(INJECT), "LIFESIGN_HEARTBEAT_INTERVAL": "0.02"}
    )
    environ.update(extra or {})
    return environ


def start(
    program: str | list[str],
    run_directory: Path,
    extra: Mapping[str, str] | None = None,
    *,
    python: str = sys.executable,
) -> subprocess.Popen[bytes]:
    """Starts Python source code, or a whole command line, as a watched process."""
    command = [python, "-c", program] if isinstance(program, str) else program
    return subprocess.Popen(
        command,
        env=environment(run_directory, extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )


def output(program: str, run_directory: Path, *options: str, python: Path = Path(sys.executable)) -> str:
    """What a watched program prints; it says nothing on stderr and ends with 0."""
    environ = {**os.environ, "LIFESIGN_DIR": str(run_directory), "PYTHONPATH": str(INJECT)}
    line = [str(python), *options, "-c", textwrap.dedent(program)]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def folders(run_directory: Path) -> list[Path]:
    """The process folders whose pulse is in place."""
    return sorted(path for path in run_directory.iterdir() if (path / "pulse").exists())
