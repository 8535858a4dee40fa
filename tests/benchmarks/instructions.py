"""What a call costs in instructions, which no neighbour changes: valgrind's callgrind counts those of its thread.

callgrind collects while CPython is in `PyRun_StringFlags`, which is what `exec` calls, and writes a dump each time it
comes out of it. So the victim runs each batch by `exec`, and the last dumps are its batches.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks import bench
from support.paths import TOOLS

_COUNTED = "PyRun_StringFlags"
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)
_REFERENCES = re.compile(r"I +refs: +([\d,]+)")


def count(python: str, victim: Path, arguments: list[str], environ: dict[str, str]) -> dict[str, float]:
    """Instructions of one call of each kind.

    Raises:
        MissingError: there is no valgrind.
    """
    valgrind = bench.tool(TOOLS / "debian_program.sh", "valgrind")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--tool=callgrind", f"--toggle-collect={_COUNTED}", f"--dump-after={_COUNTED}"]
        finished = subprocess.run(
            [valgrind, *options, f"--callgrind-out-file={folder}/dump", python, str(victim), *arguments],
            env={**environ, "PYTHONHASHSEED": "0"},  # what lies where in a dict is the same each time
            capture_output=True,
            text=True,
        )
        if finished.returncode:
            raise RuntimeError(finished.stderr)
        dumps = sorted(Path(folder).glob("dump.*"), key=lambda file: int(file.suffix[1:]))
        totals = [int(found[1]) for dump in dumps if (found := _TOTAL.search(dump.read_text()))]
    return per_call(json.loads(finished.stdout), totals)


def of_program(command: list[str], environ: dict[str, str], runs: int) -> int:
    """Instructions of all threads of a program from its start to its end, the least of some runs.

    Raises:
        MissingError: there is no valgrind.
    """
    valgrind = bench.tool(TOOLS / "debian_program.sh", "valgrind")
    environ = {**environ, "PYTHONHASHSEED": "0"}
    subprocess.run(command, env=environ, check=True)  # compiles what it imports
    line = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    said = [subprocess.run(line, env=environ, capture_output=True, text=True, check=True).stderr for _ in range(runs)]
    return min(int(_REFERENCES.findall(one)[0].replace(",", "")) for one in said)


def per_call(batches: list[tuple[str, int]], totals: list[int]) -> dict[str, float]:
    """What a call takes, from batches with none and with many by turns, whose totals are the last ones."""
    counted = list(zip(batches, totals[-len(batches) :]))
    return {
        name: (total - without) / (calls - before)
        for ((_, before), without), ((name, calls), total) in zip(counted[::2], counted[1::2])
    }
