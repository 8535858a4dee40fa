"""The unit tests, in a few processes side by side.

usage: unit.py [--floor PERCENT] PYTEST-OPTION...

What the others say is shown when the first has ended. Their files are in memory where there is a place for them: a
disk that others use makes them wait for seconds. With a floor the branches that they took are counted together, and
too few are a failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Iterable, Sequence

# Each group has a process of its own, and so has all that is named nowhere: a quarter of the time each. They wait as
# long as they compute, so that two processors have enough to do. What sends signals to its own process is apart from
# the agent, whose tests leave threads that would take them. What is slow to load (hypothesis, the exporters, the web
# server) is loaded by as few of them as possible.
GROUPS = (
    (
        "tests/export",
        "tests/serve",
        "tests/judge/gil/test_holder.py",
        "tests/watch/observe/test_lastwords.py",
        "tests/watch/test_fuzz.py",
        "tests/wire/test_both_sides.py",
        "tests/wire/test_lanes.py",
    ),
    (
        "tests/cli",
        "tests/collector_config",
        "tests/demo",
        "tests/docs",
        "tests/test_docs.py",
        "tests/test_house.py",
    ),
    ("tests/agent/stalls", "tests/agent/tasks", "tests/judge", "tests/watch"),
)
OTHERS = ("tests/e2e", "tests/helm", "tests/cluster", "tests/benchmarks")  # no unit tests

MEMORY = "/dev/shm"
NOTHING_SELECTED = 5  # pytest's exit code


def tests(argv: Sequence[str], measured: bool) -> int:
    """Runs them all; returns an exit code as pytest's."""
    run = [sys.executable, "-m", *(("coverage", "run", "-m") if measured else ()), "pytest", *argv]
    named = {room for group in GROUPS for room in group}
    environ = {"PYTEST_DEBUG_TEMPROOT": MEMORY, **os.environ} if os.access(MEMORY, os.W_OK) else dict(os.environ)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # to compile everything anew takes as long as the tests
    codes = set()
    with contextlib.ExitStack() as stack:
        others = []
        for number, group in enumerate(GROUPS):
            said = stack.enter_context(tempfile.TemporaryFile())
            line = [*run, "-o", f"cache_dir=.pytest_cache/{number}", *group, *_not(named - set(group))]
            process = subprocess.Popen(line, stdout=said, stderr=subprocess.STDOUT, env=environ)
            others.append((stack.enter_context(process), said))
        rest = ("tests", *_not(named.union(OTHERS)))
        codes.add(subprocess.run([*run, *rest], env=environ).returncode)
        for process, said in others:
            codes.add(process.wait())
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
    return max(codes - {NOTHING_SELECTED}, default=NOTHING_SELECTED)


def _not(rooms: Iterable[str]) -> list[str]:
    return [f"--ignore={room}" for room in sorted(rooms)]


def main(argv: Sequence[str]) -> int:
    if argv[:1] != ["--floor"]:
        return tests(argv, measured=False)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], check=True)
    code = tests(argv[2:], measured=True)
    subprocess.run([*coverage, "combine", "--quiet"], check=True)
    subprocess.run([*coverage, "report", "--show-missing", "--skip-covered"], check=True)
    return code or too_few_branches(coverage, float(argv[1]))


def too_few_branches(coverage: Sequence[str], floor: float) -> int:
    """Says how many of the branches were taken; coverage's own figure has the lines in it too."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([*coverage, "json", "--quiet", "-o", file.name], check=True)
        totals = json.load(file)["totals"]
    taken = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"branches: {taken:.1f} % of {totals['num_branches']}, at least {floor:g} % are wanted")
    return int(taken < floor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
