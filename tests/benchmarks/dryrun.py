"""How many events a dry run makes, beside a loop over the same events with an OpenTelemetry span each."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks import bench

EVENTS = 50_000
ROWS = {
    "ours": "lifesign.DryRun, tagged, sampled",
    "all": "lifesign.DryRun, tagged, every event exported",
    "sdk": "a loop, a span of the in-process SDK each",
    "both": "lifesign.DryRun in a process with that SDK",
    "bare": "a loop, nothing else",
}


def measure(python: str, events: int) -> dict[str, float]:
    """One process, one after the other, on whatever core it gets."""
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
        finished = subprocess.run(
            [python, str(bench.VICTIMS / "dryrun.py"), str(events)],
            env=bench.environment(Path(run)),
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, float] = json.loads(finished.stdout)
    return found


def main() -> None:
    options = bench.arguments(__doc__, rounds=5).parse_args()
    rounds, events = (1, 2000) if options.short else (options.rounds, EVENTS)
    pythons = bench.pythons()
    bench.header("dry run")
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for version, python in pythons.items():
            for name, figure in measure(python, events).items():
                rates[version, name].append(figure)
    print(f"{events:,} sample events to a handler that does nothing. Events a second of processor time, all threads of")
    print("the process together: median [from..to]; ratio to the loop with the SDK.")
    bench.table(
        ["", "events/s", "ratio"],
        [
            [f"{version} {row}", bench.spread(rates[version, name], 0), share(rates, version, name)]
            for version in pythons
            for name, row in ROWS.items()
        ],
    )
    bench.aims(
        {
            f"{version}: 20,000 events a second on one core": statistics.median(rates[version, "ours"]) >= 20_000
            for version in pythons
        }
    )


def share(rates: dict[tuple[str, str], list[float]], version: str, name: str) -> str:
    """How many times as many events as the loop with the SDK."""
    return bench.ratio(rates[version, "sdk"], rates[version, name])


if __name__ == "__main__":
    main()
