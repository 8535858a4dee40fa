"""The benchmarks run and print their tables. What they measure is for a reader: no figure is asserted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.paths import TESTS

HEADLINES = {
    "calls": "calls in the main process",
    "detection": "detection",
    "dryrun": "dry run",
    "dumps": "task dumps",
    "fleet": "a fleet into one gateway",
    "exit": "exits without a Collector",
    "idle": "processes with nothing to do",
    "probe": "an exec probe",
    "startup": "start of a program",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_it_runs_and_prints_its_table(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--short"]
    finished = subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, timeout=300)
    print(finished.stdout)
    assert finished.returncode == 0
    assert f"== {HEADLINES[name]}" in finished.stdout
    table = finished.stdout.partition("\n\n")[2]
    assert any(line.startswith(" ") for line in table.splitlines())  # the headings; their first column has none
