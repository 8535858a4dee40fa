"""The benchmarks run and print their tables. What they measure is for a reader: no figure is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent
HEADLINES = {
    "calls": "calls in the main process",
    "detection": "detection",
    "dumps": "task dumps",
    "fleet": "a fleet into one gateway",
    "idle": "processes with nothing to do",
    "startup": "start of a program",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_it_runs_and_prints_its_table(name: str) -> None:
    finished = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), "--short"], stdout=subprocess.PIPE, text=True, timeout=300
    )
    print(finished.stdout)
    assert finished.returncode == 0
    assert f"== {HEADLINES[name]}" in finished.stdout
    table = finished.stdout.partition("\n\n")[2]
    assert any(line.startswith(" ") for line in table.splitlines())  # the headings; their first column has none
