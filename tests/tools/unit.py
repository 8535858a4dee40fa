"""The unit tests, in two processes side by side.

usage: unit.py [--floor PERCENT] PYTEST-OPTION...

The output of the second process is shown when both have ended. Their files are in memory where there is a place
for them: a disk that others use makes them wait for seconds. With a floor the branches that they took are counted
together, and too few are a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Sequence

# About as long as all the others; what they import, the others hardly need.
FIRST = ("tests/agent", "tests/watch", "tests/wire")
OTHERS = ("tests/e2e", "tests/helm", "tests/cluster", "tests/benchmarks")  # no unit tests

MEMORY = "/dev/shm"
NOTHING_SELECTED = 5  # pytest's exit code


def tests(argv: Sequence[str], measured: bool) -> int:
    """Runs both halves; returns an exit code as pytest's."""
    run = [sys.executable, "-m", *(("coverage", "run", "-m") if measured else ()), "pytest", *argv]
    one = [*run, "-o", "cache_dir=.pytest_cache/one", *FIRST]
    two = [*run, "-o", "cache_dir=.pytest_cache/two", "tests", *(f"--ignore={room}" for room in FIRST + OTHERS)]
    environ = {"PYTEST_DEBUG_TEMPROOT": MEMORY, **os.environ} if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(two, stdout=said, stderr=subprocess.STDOUT, env=environ) as second:
            codes = {subprocess.run(one, env=environ).returncode, second.wait()}
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    sys.stdout.flush()
    return max(codes - {NOTHING_SELECTED}, default=NOTHING_SELECTED)


def main(argv: Sequence[str]) -> int:
    if argv[:1] != ["--floor"]:
        return tests(argv, measured=False)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], check=True)
    code = tests(argv[2:], measured=True)
    subprocess.run([*coverage, "combine", "--quiet"], check=True)
    report = [*coverage, "report", "--show-missing", "--skip-covered", f"--fail-under={argv[1]}"]
    return code or subprocess.run(report).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
