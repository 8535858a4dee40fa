"""Runs pytest on a test file, in a process of its own, and reads what became of each test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

_SECONDS = 120.0


class Became(NamedTuple):
    """What became of one test; `text` is what is said of its failure or error, and `shown` all that is reported."""

    outcome: str  # "passed", "failed", "error" (at setup or teardown) or "skipped"
    text: str
    shown: str


class PytestRun(NamedTuple):
    tests: dict[str, Became]
    output: str


def run_pytest(folder: Path, source: str, *options: str) -> PytestRun:
    """Runs the tests of `source` in an empty folder."""
    file, report = folder / "test_shop.py", folder / "report.xml"
    file.write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\njunit_logging = all\nasyncio_default_fixture_loop_scope = function\n")
    # Where it can have several processes, what runs failures again keeps a thread of its own.
    plain = ("-p", "no:rerunfailures")
    line = [sys.executable, "-m", "pytest", f"--junitxml={report}", "-rA", *plain, *options]
    done = subprocess.run(
        line, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False
    )
    assert report.exists(), done.stdout
    tests: dict[str, Became] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        found = next(((one, one.tag) for one in case if one.tag in ("failure", "error", "skipped")), None)
        text = "" if found is None else f"{found[0].get('message')}\n{found[0].text}"
        outcome = "passed" if found is None else {"failure": "failed"}.get(found[1], found[1])
        shown = "".join(case.itertext())
        before = tests.get(case.get("name", ""))
        if (
            before is None or before.outcome == "passed"
        ):  # a test that passes and has an error at teardown is there twice
            tests[case.get("name", "")] = Became(outcome, text, shown)
    return PytestRun(tests, done.stdout)
