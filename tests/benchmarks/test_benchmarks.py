"""The benchmarks run and make their page. What they measure is for a reader: no figure is asserted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.comparison import asked
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


@pytest.mark.parametrize("ask", [asked.lifesign, asked.by_command("{python}", "-c", "print('asked of', {pid})")])
def test_a_service_falls_ill_and_somebody_is_asked(
    ask: Callable[[str, str], asked.Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison itself needs Python 3.14, and what is compared on it."""
    monkeypatch.setattr(asked, "HEALTHY", 1.0)
    monkeypatch.setattr(asked, "ASKED_AFTER", 5.0)
    answer = ask(sys.executable, "blocked").without_places(sys.executable)
    assert "write_report (shop.py:" in answer.output or answer.output.startswith("asked of ")
    assert answer.took is not None
