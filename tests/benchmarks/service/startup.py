"""What getting in adds to the start of a Python program, beside the SDK set up inside it with OTLP over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import bench
from benchmarks.results import ADDED, Compared, Table

TITLE = "Start of a program"
PROGRAMS = {"pass": "pass", "asyncio": "import asyncio; asyncio.run(asyncio.sleep(0))"}
SDK = "import in_process_sdk; in_process_sdk.over_http(); "
TELL = "; print(open('/proc/self/status').read())"
SIDES = ("bare", "lifesign", "SDK")


def prepared(side: str, program: str, run: Path) -> tuple[str, dict[str, str]]:
    """The program of a side, and its environment."""
    environ = bench.environment(run if side == "lifesign" else None)
    if side == "SDK":
        environ.update({"PYTHONPATH": str(bench.VICTIMS), "OTEL_EXPORTER_OTLP_ENDPOINT": bench.DEAD_ENDPOINT})
        program = SDK + program
    return program, environ


def once(python: str, side: str, program: str, run: Path) -> tuple[float, float, float]:
    """Milliseconds on the wall and of the processor, and the most memory it had, in MiB."""
    program, environ = prepared(side, program, run)
    started = time.perf_counter()
    process = subprocess.Popen([python, "-c", program], env=environ)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    process.returncode = status
    assert status == 0
    # The kernel's figure for a child counts what its parent had: so it says itself, in a run of its own.
    command = [python, "-c", program + TELL]
    reported = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"^VmHWM:\s+(\d+)", reported.stdout, re.MULTILINE)
    assert found is not None
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000, int(found.group(1)) / 1024


def measure(effort: bench.Effort) -> list[Table]:
    added = [Compared(f"{side} adds", side, "bare", ADDED) for side in SIDES[1:]]
    tables = [
        Table("processor", "milliseconds of processor time", SIDES, 1, added),
        Table("wall", "milliseconds on the wall", SIDES, 1, added),
        Table("memory", "highest resident memory, MiB", SIDES, 1, added),
    ]
    pythons = effort.pythons()
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
        for turn in range(1 + effort.take(12, 1)):
            for version, python in pythons.items():
                for name, program in PROGRAMS.items():
                    for side in SIDES:
                        took, used, memory = once(python, side, program, Path(run))
                        if turn:  # the first one may have compiled what it imports
                            for table, figure in zip(tables, (used, took, memory)):
                                table.add(f"{version} {name}", side, figure)
    return tables
