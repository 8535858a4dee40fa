"""The benchmarks run and make their page. What they measure is for a reader: no figure is asserted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.results import Report
from support.paths import TESTS

SLOW = {"instructions"}  # under valgrind


@pytest.mark.parametrize("name", [name for path in BENCHMARKS if (name := path.rpartition(".")[2]) not in SLOW])
def test_it_runs_and_stands_on_the_page(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--short", "--only", name, "--output", str(tmp_path)]
    finished = subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, timeout=300, env=os.environ)
    print(finished.stdout)
    assert finished.returncode == 0
    if "left out: " in finished.stdout:
        pytest.skip(finished.stdout.partition("left out: ")[2])
    report = Report.read(tmp_path / "performance.json")
    assert all(table.rows for table in report.results[name].tables)
    assert f"## {report.results[name].title}" in (tmp_path / "performance.md").read_text()
