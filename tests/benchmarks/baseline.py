"""The instructions of calls as they were, and whether one takes more now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Mapping, NamedTuple

from benchmarks.results import Report

FILE = Path(__file__).with_name("baseline.json")
# Runs of the same code on one machine differ by 0.1 to 0.5 %, a beat by up to 1 % (addresses decide what collides and
# when garbage is collected, the machine how many beats are late). What costs more than three times that was written
# by somebody.
TOLERANCE = 0.03
Counts = Mapping[str, float]


class Difference(NamedTuple):
    """A call that does not take what it took."""

    row: str
    before: float
    now: float

    @property
    def worse(self) -> bool:
        return self.now > self.before

    def __str__(self) -> str:
        share = 100 * (self.now / self.before - 1)
        return f"{self.row}: {self.before:,.0f} instructions before, {self.now:,.0f} now ({share:+.1f} %)"


def counts(report: Report) -> dict[str, float]:
    """Ours, by row."""
    if "instructions" not in report.results:
        return {}
    table = report.results["instructions"].table("instructions")
    return {row: columns["lifesign"][0] for row, columns in table.rows.items() if "lifesign" in columns}


def differences(baseline: Counts, found: Counts) -> list[Difference]:
    """Rows of both that differ by more than the tolerance."""
    both = [Difference(row, baseline[row], found[row]) for row in found if row in baseline]
    return [one for one in both if abs(one.now / one.before - 1) > TOLERANCE]


def read(interpreters: str) -> Counts:
    """That of these builds of Python, which decide as much as our code; empty where there is none."""
    found: dict[str, dict[str, float]] = json.loads(FILE.read_text())
    return found.get(interpreters, {})


def accept(interpreters: str, found: Counts) -> None:
    """Makes what was found the baseline."""
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    known[interpreters] = {row: round(number) for row, number in found.items()}
    FILE.write_text(json.dumps(known, indent=1) + "\n")
