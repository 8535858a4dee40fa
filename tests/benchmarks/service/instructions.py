"""What a call costs in instructions of its thread, which neither neighbours nor clocks change.

valgrind's callgrind counts them, with a fixed seed for hashes. These are compared with the baseline in the repository,
`tests/benchmarks/baseline.json`. Most of a beat is asyncio's: a timer that does nothing makes the loop wake up, too.
The second table has what is left of both without that.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import bench, instructions
from benchmarks.results import Compared, Table
from benchmarks.service import startup
from benchmarks.service.calls import PAIRS

TITLE = "Instructions of a call"
START = "start of an asyncio program, what it adds"
TURN = "a turn of a timer"
VICTIM = bench.VICTIMS / "instructions.py"


def starts(python: str, effort: bench.Effort) -> dict[str, int]:
    """What both add to a program that starts, runs an event loop for a moment and ends."""
    counted: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
        for side in startup.SIDES:
            program, environ = startup.prepared(side, startup.PROGRAMS["asyncio"], Path(run))
            environ["LIFESIGN_HEARTBEAT_INTERVAL"] = "60"  # under valgrind there would be more of them
            runs = 1 if side == "SDK" else effort.take(3, 1)  # it takes longest, and is compared with no baseline
            counted[side] = instructions.of_program([python, "-c", program], environ, runs)
    return {side: counted[side] - counted["bare"] for side in ("lifesign", "SDK")}


def measure(effort: bench.Effort) -> list[Table]:
    columns = ("lifesign", "SDK")
    adds = ("a beat adds", "histogram.record() adds")
    beyond = Table("beyond", "instructions", ("a bare timer", *adds), 0, [Compared("", *adds)])
    table = Table("instructions", "instructions", columns, 0, [Compared("", "lifesign", "SDK")])
    for version, python in effort.pythons().items():
        with tempfile.TemporaryDirectory(dir=bench.memory()) as run:
            environ = bench.environment(Path(run), LIFESIGN_HEARTBEAT_INTERVAL="0.02")
            found = instructions.count(python, VICTIM, [str(effort.take(500, 50))], environ)
        for ours, theirs, what in PAIRS:
            table.add(f"{version} {what}", columns[0], found[ours])
            table.add(f"{version} {what}", columns[1], found[theirs])
        for side, count in starts(python, effort).items():
            table.add(f"{version} {START}", side, count)
        bare = found["bare"]
        for column, count in zip(beyond.columns, (bare, found["beat"] - bare, found["histogram"] - bare)):
            beyond.add(f"{version} {TURN}", column, count)
    return [table, beyond]
