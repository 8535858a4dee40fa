"""What one exec probe costs, beside a Python that does nothing and one that loads the whole sidecar."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import bench
from support import victims
from support.paths import SIDECAR
from support.waiting import eventually

WATCHED = "import asyncio; asyncio.run(asyncio.sleep(3600))"
SIDES = {
    "python -c pass": ["-c", "pass"],
    "python -m lifesign.probe": ["-m", "lifesign.probe", "--live", "--heartbeat-timeout", "60"],
    "the sidecar's imports": ["-c", "import lifesign.cli.sidecar.observer"],
}


def once(arguments: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Milliseconds on the wall and of the processor."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env=environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    process.returncode = status
    assert status == 0
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    options = bench.arguments(__doc__, rounds=20).parse_args()
    bench.header("an exec probe")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run, victims.start(WATCHED, Path(run)) as watched:
        eventually(lambda: victims.folders(Path(run)), seconds=60.0)
        environ = bench.environment(LIFESIGN_DIR=run, PYTHONPATH=str(SIDECAR))
        for turn in range(1 + (1 if options.short else options.rounds)):
            for side, arguments in SIDES.items():
                figures = once(arguments, environ)
                if turn:  # the first one may have compiled what it imports
                    found[side].append(figures)
        watched.kill()
    bare = bench.median([used for _, used in found["python -c pass"]])
    rows = []
    for side in SIDES:
        took, used = (list(figures) for figures in zip(*found[side]))
        rows.append([side, bench.spread(took, 1), bench.spread(used, 1), f"{bench.median(used) / bare:.1f}x"])
    bench.table(["", "wall ms", "CPU ms", "of bare"], rows)


if __name__ == "__main__":
    main()
