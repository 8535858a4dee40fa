"""Writes numbered records, and a ledger of those that its pulse has: ``numbered.py LEDGER NAME RATE [LIMIT]``.

The file LEDGER/NAME holds how many records the pulse took: those with the indices below that number. It is
written after the record and before the next one, so that a kill leaves at most one record that is not in it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.wire.records import DryRunEvent

LEDGER, NAME = sys.argv[1:3]
RATE = float(sys.argv[3])
LIMIT = int(sys.argv[4]) if len(sys.argv) > 4 else None
FILE = os.open(os.path.join(LEDGER, NAME), os.O_WRONLY | os.O_CREAT, 0o600)


def note(count: int) -> None:
    if lifecycle.peek() is not None:  # without an agent nothing is written
        os.pwrite(FILE, b"%20d" % count, 0)


def write(index: int) -> None:
    """One record; the dry run itself would tell only some of so many."""
    agent = lifecycle.peek()
    if agent is None:
        return
    now = time.time_ns()
    record: DryRunEvent = {
        "kind": "dry_run",
        "trace": new_trace_id(),
        "id": new_span_id(),
        "type": NAME,
        "index": index,
        "start": now,
        "end": now,
        "error": None,
        "adjusted_count": 1,
    }
    agent.pulse.ring.append(record)


async def main() -> None:
    lifesign.start()
    print("ready", flush=True)
    began, index = time.monotonic(), 0
    while LIMIT is None or index < LIMIT:
        note(index)
        write(index)
        index += 1
        await asyncio.sleep(max(0.0, began + index / RATE - time.monotonic()))
    note(index)


asyncio.run(main())
