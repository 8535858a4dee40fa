"""How many events a dry run makes, beside a loop over the same events with an OpenTelemetry span each.

Sample events go to a handler that does nothing. Events a second of processor time, all threads of the process
together.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Compared, Table

TITLE = "A dry run"
SIDES = {
    "ours": "DryRun, tagged, sampled",
    "all": "every event exported",
    "both": "in a process with the SDK",
    "sdk": "a loop, a span each",
    "bare": "a loop, nothing else",
}


def run(python: str, events: int) -> dict[str, float]:
    """One process, one side after the other, on whatever core it gets."""
    with tempfile.TemporaryDirectory(dir=bench.memory()) as folder:
        finished = subprocess.run(
            [python, str(bench.VICTIMS / "dryrun.py"), str(events)],
            env=bench.environment(Path(folder)),
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, float] = json.loads(finished.stdout)
    return found


def measure(effort: bench.Effort) -> list[Table]:
    compared = [Compared("than a span each", SIDES["sdk"], SIDES["ours"])]
    table = Table("rates", "events a second of one core", list(SIDES.values()), 0, compared)
    pythons = effort.pythons()
    for _ in range(effort.take(5, 1)):
        for version, python in pythons.items():
            for name, figure in run(python, effort.take(50_000, 2000)).items():
                table.add(version, SIDES[name], figure)
    return [table]
