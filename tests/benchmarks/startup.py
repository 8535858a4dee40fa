"""What getting in adds to the start of a Python program, beside the SDK set up inside it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import bench

PROGRAMS = {"pass": "pass", "asyncio": "import asyncio; asyncio.run(asyncio.sleep(0))"}
SDK = "import in_process_sdk; in_process_sdk.over_http(); "
TELL = "; print(open('/proc/self/status').read())"
SIDES = ("bare", "lifesign", "SDK + OTLP/HTTP")


def once(python: str, side: str, program: str, run: Path) -> tuple[float, float, float]:
    """Milliseconds on the wall and of the processor, and the most memory it had, in MiB."""
    environ = bench.environment(run if side == "lifesign" else None)
    if side.startswith("SDK"):
        environ.update({"PYTHONPATH": str(bench.VICTIMS), "OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT})
        program = SDK + program
    started = time.perf_counter()
    process = subprocess.Popen([python, "-c", program], env=environ)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    process.returncode = status
    assert status == 0
    # The kernel's figure for a child counts what its parent had: so it says itself, in a run of its own.
    reported = subprocess.run(
        [python, "-c", program + TELL], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    found = re.search(r"^VmHWM:\s+(\d+)", reported.stdout, re.MULTILINE)
    assert found is not None
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000, int(found.group(1)) / 1024


def main() -> None:
    options = bench.arguments(__doc__, rounds=12).parse_args()
    pythons = bench.pythons()
    bench.header("start of a program")
    found: dict[tuple[str, str, str], list[tuple[float, float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
        for turn in range(1 + (1 if options.short else options.rounds)):
            for version, python in pythons.items():
                for name, program in PROGRAMS.items():
                    for side in SIDES:
                        figures = once(python, side, program, Path(run))
                        if turn:  # the first one may have compiled what it imports
                            found[version, name, side].append(figures)
    rows = []
    for version in pythons:
        for name in PROGRAMS:
            bare = list(zip(*found[version, name, "bare"]))
            for side in SIDES:
                took, used, memory = (list(figures) for figures in zip(*found[version, name, side]))
                added = [
                    f"{bench.median(ours) - bench.median(without):+,.1f}"
                    for ours, without in zip((took, used, memory), bare)
                ]
                rows.append([f"{version} {name}, {side}", bench.spread(took, 1), added[0], bench.spread(used, 1)])
                rows[-1] += [added[1], bench.spread(memory, 1), added[2]]
    bench.table(["", "wall ms", "added", "CPU ms", "added", "peak RSS MiB", "added"], rows)


if __name__ == "__main__":
    main()
