"""What a call costs in the main process, beside the same in the in-process OpenTelemetry SDK.

Processor time of the whole process per call. A beat: of the loop's thread, with the wake-up of the loop; the SDK's
side is a timer that records a histogram. The calls of a batch follow each other, so their code and data lie in the
processor's caches. Checkpoints come one at a time, between other work of a boot: what one takes then is in the second
table, and it is a multiple on both sides. A block writes its checkpoint three times, as called, as begun and as ended,
so that a boot that hangs in it is seen there; the SDK's span is seen when it has ended. Beside a thread that computes,
a call that lets go of the GIL waits 5 ms to have it back: the last table has what single calls take on the wall.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks import bench
from benchmarks.results import Compared, Table

TITLE = "Calls in the main process"
# Ours, the SDK's nearest, and what they are called.
PAIRS = (
    ("event", "counter", "event(), counter.add()"),
    ("mark", "span", "checkpoint(), a span"),
    ("block", "current", "with checkpoint(), with a current span"),
    ("ring", "log", "a record in the ring, a log"),
    ("beat", "histogram", "a beat, a timer with histogram.record()"),
)

BATCHES = 3  # of one process: the boot lane has no room for more checkpoints


def run(python: str, batches: int) -> dict[str, dict[str, list[float]]]:
    """One process of each Python."""
    with tempfile.TemporaryDirectory(dir=bench.memory()) as folder:
        finished = subprocess.run(
            [python, str(bench.VICTIMS / "calls.py"), str(batches)],
            env=bench.environment(Path(folder), LIFESIGN_HEARTBEAT_INTERVAL="0.001"),
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, dict[str, list[float]]] = json.loads(finished.stdout)
    return found


def measure(effort: bench.Effort) -> list[Table]:
    sides, ratio = ("lifesign", "SDK"), [Compared("", "lifesign", "SDK")]
    alone = Table("alone", "nanoseconds of processor time", sides, 0, ratio)
    cold = Table("cold", "microseconds on the wall of a single call, after a module was compiled", sides, 0, ratio)
    columns = [f"{side}, {which}" for side in ("lifesign", "SDK") for which in ("half", "99 %", "longest")]
    beside = Table("beside", "microseconds on the wall, beside a thread that computes", columns, 1)
    pythons = effort.pythons()
    for _ in range(effort.take(8, 1)):
        for version, python in pythons.items():
            found = run(python, effort.take(BATCHES, 1))
            for ours, theirs, what in PAIRS:
                for side, name in (("lifesign", ours), ("SDK", theirs)):
                    alone.add(f"{version} {what}", side, *found["alone"][name])
                    for took in found["cold"].get(name, ()):
                        cold.add(f"{version} {what}", side, took / 1000)
                    for which, took in zip(("half", "99 %", "longest"), found["beside"].get(name, ())):
                        beside.add(f"{version} {what}", f"{side}, {which}", took / 1000)
    return [alone, cold, beside]
