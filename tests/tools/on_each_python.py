"""The unit tests of what runs inside of services, on each other Python from 3.9 on, one after the other.

usage: on_each_python.py PYTEST-OPTION...

LIFESIGN_TEST_PYTHONS says where they are; without it pythons.sh is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

TOOLS = Path(__file__).parent
ROOT = TOOLS.parents[1]
ROOMS = (
    "tests/agent",
    "tests/wire",
    "tests/judge",
    "tests/test_ask.py",
    "tests/test_checkspec.py",
    "tests/test_control_groups.py",
    "tests/test_loading.py",
    "tests/test_redact.py",
    "tests/test_settings.py",
)
NOTHING_SELECTED = 5  # pytest's exit code
# What these compare the agent with is the sidecar's, which needs 3.10.
WITH_SIDECAR = ("tests/agent/test_runtime_pack.py", "tests/agent/test_templates.py", "tests/wire/test_both_sides.py")


def pythons() -> dict[str, str]:
    """The interpreters by version."""
    given = os.environ.get("LIFESIGN_TEST_PYTHONS")
    if given:
        return dict(entry.split("=", 1) for entry in given.split(":"))
    said = subprocess.run([str(TOOLS / "pythons.sh")], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def tests(version: str, python: str, options: Sequence[str]) -> bool:
    """Runs them on one; returns whether they pass."""
    made = subprocess.run([str(TOOLS / "unit_packages.sh"), python], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        return False
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "sidecar"), made.stdout.strip()))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"== Python {version}", flush=True)
    without = WITH_SIDECAR if version == "3.9" else ()
    for file in without:
        print(f"without {file}: the sidecar needs 3.10", flush=True)
    ignored = [f"--ignore={file}" for file in without]
    cache = ["-o", f"cache_dir=.pytest_cache/{version}"]
    line = [python, "-m", "pytest", "--quiet", *cache, *ROOMS, *ignored, *options]
    return subprocess.run(line, env=environ, cwd=ROOT).returncode in (0, NOTHING_SELECTED)


def main(options: Sequence[str]) -> int:
    own = "{}.{}".format(*sys.version_info)
    others = {version: python for version, python in pythons().items() if version != own}
    print(f"Python {own} runs them in the unit tests.", flush=True)
    failed = [version for version, python in others.items() if not tests(version, python, options)]
    if failed:
        print(f"Unit tests fail on Python {', '.join(failed)}.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
