"""What a call costs in the main process, beside the same in the in-process OpenTelemetry SDK."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks import bench

# Ours, the SDK's nearest, and what they are called.
PAIRS = (
    ("event", "counter", "event()", "counter.add()"),
    ("mark", "span", "checkpoint()", "span start and end"),
    ("ring", "log", "a record in the ring", "log emit"),
    ("beat", "histogram", "a beat of the loop", "timer and histogram.record()"),
)
BATCHES = 5


def measure(python: str, batches: int) -> dict[str, dict[str, list[float]]]:
    """One process of each Python."""
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
        finished = subprocess.run(
            [python, str(bench.VICTIMS / "calls.py"), str(batches)],
            env=bench.environment(Path(run), LIFESIGN_HEARTBEAT_INTERVAL="0.001"),
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, dict[str, list[float]]] = json.loads(finished.stdout)
    return found


def main() -> None:
    options = bench.arguments(__doc__, rounds=5).parse_args()
    rounds, batches = (1, 1) if options.short else (options.rounds, BATCHES)
    pythons = bench.pythons()
    bench.header("calls in the main process")
    alone: dict[tuple[str, str], list[float]] = defaultdict(list)
    beside: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for _ in range(rounds):
        for version, python in pythons.items():
            found = measure(python, batches)
            for name, figures in found["alone"].items():
                alone[version, name] += figures
            for name, figures in found["beside"].items():
                beside[version, name].append(figures)
    print("Processor time of the whole process per call, nanoseconds: median [from..to]. A beat: of the loop's thread,")
    print("with the wake-up of the loop.")
    bench.table(
        ["", "lifesign", "SDK", "", "ratio"],
        [
            [
                f"{v} {ours}",
                *(bench.spread(alone[v, name], 0) for name in (a, b)),
                theirs,
                bench.ratio(alone[v, a], alone[v, b]),
            ]
            for v in pythons
            for a, b, ours, theirs in PAIRS
        ],
    )
    print("Beside a thread that computes: how long single calls take, microseconds (median of the runs; the longest of")
    print("all). A call that lets go of the GIL waits 5 ms to have it back.")
    rows = []
    for version in pythons:
        for a, b, ours, theirs in PAIRS[:3]:
            for name, called in ((a, f"lifesign {ours}"), (b, f"SDK {theirs}")):
                p50, p99, longest = zip(*beside[version, name])
                figures = (statistics.median(p50), statistics.median(p99), max(longest))
                rows.append([f"{version} {called}", *(f"{figure / 1000:,.1f}" for figure in figures)])
    bench.table(["", "p50", "p99", "longest"], rows)


if __name__ == "__main__":
    main()
