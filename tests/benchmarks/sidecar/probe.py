"""What one exec probe costs, beside a Python that does nothing and one that loads the whole sidecar."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import ADDED, Compared, Table
from support import victims
from support.paths import SIDECAR
from support.waiting import eventually

TITLE = "An exec probe"
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


def measure(effort: bench.Effort) -> list[Table]:
    sides = list(SIDES)
    added = [Compared("the probe adds", sides[1], sides[0], ADDED)]
    used = Table("processor", "milliseconds of processor time", sides, 1, added)
    wall = Table("wall", "milliseconds on the wall", sides, 1, added)
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run, victims.start(WATCHED, Path(run)) as watched:
        eventually(lambda: victims.folders(Path(run)), seconds=60.0)
        environ = bench.environment(LIFESIGN_DIR=run, PYTHONPATH=str(SIDECAR))
        for turn in range(1 + effort.take(20, 1)):
            for side, arguments in SIDES.items():
                figures = once(arguments, environ)
                if turn:  # the first one may have compiled what it imports
                    wall.add(f"Python {platform.python_version()}", side, figures[0])
                    used.add(f"Python {platform.python_version()}", side, figures[1])
        watched.kill()
    return [used, wall]
