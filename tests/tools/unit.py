"""The unit tests, in a few processes side by side.

usage: unit.py [--floor PERCENT] PYTEST-OPTION...

What the others say is shown when the first has ended. Their files are in memory where there is a place for them: a
disk that others use makes them wait for seconds. With a floor the branches that they took are counted together, and
too few are a failure.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - this, pdb and unittest are for the plugins
import json
import os
import pdb  # noqa: F401
import shutil
import subprocess
import sys
import tempfile
import unittest  # noqa: F401
from typing import Iterable, Sequence

import pytest

# Each group has a process of its own, and so has all that is named nowhere: a quarter of the time each. They wait as
# long as they compute, so that two processors have enough to do. What sends signals to its own process is apart from
# the agent, whose tests leave threads that would take them. What is slow to load, the exporters and the web server, is
# loaded by one of them.
GROUPS = (
    ("tests/export", "tests/serve", "tests/cli/sidecar", "tests/cli/test_doctor.py", "tests/watch/test_fuzz.py"),
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
# Named here, so that pytest does not look through all packages that are installed for more.
PLUGINS = ("pytest_asyncio.plugin", "lifesign.testing.plugin")

MEMORY = "/dev/shm"
NOTHING_SELECTED = 5  # pytest's exit code


def tests(argv: Sequence[str], measured: bool) -> int:
    """Runs them all; returns an exit code as pytest's."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # to compile everything anew takes as long as the tests
    sys.dont_write_bytecode = False
    if os.access(MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)
    reruns = any(option.startswith("--reruns") for option in argv)
    plugins = (*PLUGINS, "pytest_rerunfailures") if reruns else PLUGINS
    options = [*argv, *(f"-p{plugin}" for plugin in plugins)]
    named = {room for group in GROUPS for room in group}
    others = []
    for number, group in enumerate(GROUPS):
        cache = f"cache_dir=.pytest_cache/{number}"
        others.append(Forked([*options, "-o", cache, *group, *_not(named - set(group))], measured))
    codes = {_pytest([*options, "tests", *_not(named.union(OTHERS))], measured)}
    codes.update([other.ended() for other in others])
    return max(codes - {NOTHING_SELECTED}, default=NOTHING_SELECTED)


class Forked:
    """A pytest in a process that has all that is loaded already; what it says is kept until it has ended."""

    def __init__(self, options: list[str], measured: bool) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `ended` closes it
        self._pid = os.fork()
        if self._pid == 0:
            os.dup2(self._said.fileno(), 1)
            os.dup2(self._said.fileno(), 2)
            sys.exit(_pytest(options, measured))

    def ended(self) -> int:
        """Its exit code; what it has said is shown by now."""
        _, status = os.waitpid(self._pid, 0)
        with self._said:
            self._said.seek(0)
            shutil.copyfileobj(self._said, sys.stdout.buffer)
        sys.stdout.flush()
        return status and os.waitstatus_to_exitcode(status) % 256


def _pytest(options: list[str], measured: bool) -> int:
    if not measured:
        return int(pytest.main(options))
    import coverage

    measuring = coverage.Coverage()
    measuring.start()
    try:
        return int(pytest.main(options))
    finally:
        measuring.stop()
        measuring.save()


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
