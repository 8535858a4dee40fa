"""A service with nothing to do is looked after seldom, and what stalls it then is found all the same."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

from support import victims
from support.illnesses.stalls import culprits, records
from support.waiting import eventually

DEFAULT = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.1", "LIFESIGN_STALL_THRESHOLD": "0.2"}
# It rests seconds after its start, or after a stall there, where others take minutes. A line on its input stalls it.
PROGRAM = """
import asyncio, os, sys, time
from lifesign.agent.stalls import rest
rest.CALM, rest.AFTER_A_STALL = 1, 4

def query():
    time.sleep(0.3)

async def main():
    asyncio.get_running_loop().add_reader(0, lambda: sys.stdin.readline() and query())
    print(os.getpid(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
SECONDS = 3
AWAKE = 5 * SECONDS  # wake-ups in that time of a watchdog that is ready to sample each stall; six a second, rather


def wakes(pid: int) -> int:
    """How often threads other than the main one have woken up."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = [
        re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.MULTILINE)
        for task in tasks
        if task.name != str(pid)
    ]
    return sum(int(one[1]) for one in found if one is not None)


def woke(pid: int) -> int:
    """How often they do in some seconds."""
    before = wakes(pid)
    time.sleep(SECONDS)
    return wakes(pid) - before


def numbers(run: Path) -> tuple[int, int]:
    """How many stalls were counted, and how long they were together."""
    totals: list[dict[str, Any]] = records(run, "stall_totals")
    if not totals:
        return 0, 0
    newest = totals[-1]
    count = newest["others"] + sum(one["count"] for one in newest["culprits"])
    return count, newest["others_total"] + sum(one["total"] for one in newest["culprits"])


def test_a_resting_service_is_woken_seldom_and_a_stall_ends_the_rest(tmp_path: Path) -> None:
    with victims.start([sys.executable, "-c", PROGRAM], tmp_path, DEFAULT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        eventually(lambda: woke(pid) < AWAKE // 2, 60)
        process.stdin.write(b"\n")
        process.stdin.flush()
        count, length = eventually(lambda: numbers(tmp_path)[0] and numbers(tmp_path))
        assert count >= 1
        assert length >= 250_000_000
        assert woke(pid) >= AWAKE
        for _ in range(2):  # the second one, but for a busy machine
            process.stdin.write(b"\n")
            process.stdin.flush()
            time.sleep(1.0)
        named = eventually(lambda: [one["place"]["function"] for one in culprits(tmp_path) if one["place"]])
        assert named == ["query"]
        process.kill()
