"""The unit tests of what runs inside of services, on each other Python from 3.9 on, two at a time.

usage: on_each_python.py PYTEST-OPTION...

What is said of one is shown when it has ended. LIFESIGN_TEST_PYTHONS says where they are; without it pythons.sh is
asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Sequence

AT_ONCE = 2  # they wait as long as they compute
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


class Ran(NamedTuple):
    """What became of them on one."""

    passed: bool
    said: str


def packages(python: str) -> str:
    """The folder with what the tests need there; empty where it cannot be made."""
    return subprocess.run([str(TOOLS / "unit_packages.sh"), python], stdout=subprocess.PIPE, text=True).stdout.strip()


def tests(version: str, python: str, needed: str, options: Sequence[str]) -> Ran:
    """Runs them on one."""
    if not needed:
        return Ran(False, f"== Python {version}: what the tests need cannot be installed\n")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "sidecar"), needed))}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    without = WITH_SIDECAR if version == "3.9" else ()
    said = [f"== Python {version}", *(f"without {file}: the sidecar needs 3.10" for file in without), ""]
    ignored = [f"--ignore={file}" for file in without]
    cache = ["-o", f"cache_dir=.pytest_cache/{version}"]
    line = [python, "-m", "pytest", "--quiet", *cache, *ROOMS, *ignored, *options]
    ended = subprocess.run(line, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return Ran(ended.returncode in (0, NOTHING_SELECTED), "\n".join(said) + ended.stdout)


def main(options: Sequence[str]) -> int:
    own = "{}.{}".format(*sys.version_info)
    others = {version: python for version, python in pythons().items() if version != own}
    print(f"Python {own} runs them in the unit tests.", flush=True)
    failed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {}
        for version, python in others.items():
            running[version] = pool.submit(tests, version, python, packages(python), options)
        for version, one in running.items():
            print(one.result().said, end="", flush=True)
            if not one.result().passed:
                failed.append(version)
    if failed:
        print(f"Unit tests fail on Python {', '.join(failed)}.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
