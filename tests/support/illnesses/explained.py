"""What `lifesign why` says of a victim, and where its source says what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def why(directory: Path, heartbeat_timeout: str = "1s") -> dict[str, Any]:
    """What is said of the one process of a run directory."""
    command = [sys.executable, "-m", "lifesign", "why", "--json", "--dir", str(directory)]
    command += ["--heartbeat-timeout", heartbeat_timeout]
    (seen,) = json.loads(subprocess.run(command, stdout=subprocess.PIPE, timeout=30, check=True).stdout)
    return dict(seen)


def line_of(program: Path, comment: str) -> int:
    """The number of the line that ends in this comment."""
    lines = enumerate(program.read_text().splitlines(), 1)
    (found,) = (number for number, line in lines if line.endswith(f"# {comment}"))
    return found
