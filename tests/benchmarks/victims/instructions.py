"""Calls of lifesign and of the in-process SDK for callgrind, which counts what `exec` runs.

usage: instructions.py CALLS. Each batch is run with nothing in it first, then with so many calls; prints as JSON the
name and the number of calls of each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, Callable

from compared import Beats, compared

import lifesign

batches: list[tuple[str, int]] = []


def call_often(call: Callable[[], Any], calls: int) -> int:
    for _ in range(calls):
        call()
    return calls


def count(name: str, batch: Callable[[int], int], size: int) -> None:
    """Once with nothing in it, once for real; the first time of all is not counted, as it fills caches."""
    batch(min(size, 5))
    for number in (0, size):
        found: list[int] = []
        exec("found.append(batch(number))", {"found": found, "batch": batch, "number": number})
        batches.append((name, found[0]))


def main() -> None:
    calls = int(sys.argv[1])
    for name, (call, at_most) in compared().items():
        count(name, lambda number, call=call: call_often(call, number), at_most or calls)
    interval = float(os.environ["LIFESIGN_HEARTBEAT_INTERVAL"])
    beats = Beats(interval)
    turns = {"beat": beats.ours, "histogram": beats.theirs, "bare": beats.bare}
    for name, turn in turns.items():
        count(name, lambda number, turn=turn: asyncio.run(turn(number * interval))[0], calls)
        lifesign.stop()
    print(json.dumps(batches))


main()
