"""Calls of lifesign and of the in-process SDK in turn, timed; prints JSON. usage: calls.py BATCHES.

``alone``: processor nanoseconds per call of the whole process, one figure a batch.
``cold``: wall clock nanoseconds of single calls after something else: p50.
``beside``: wall clock nanoseconds of single calls beside a thread that computes: p50, p99, the longest.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Callable

from compared import Beats, compared

import lifesign

CALLS = 2000
SINGLE = 3000
COLD = 20
WARM = 3  # calls that are not counted: where only twenty are, the first would be half of the result
ELSE = Path(textwrap.__file__).read_text()  # to compile a module is what happens between the checkpoints of a boot


def per_call(call: Callable[[], Any], calls: int) -> float:
    for _ in range(WARM):
        call()
    used = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - used) / calls


def single(call: Callable[[], Any], calls: int) -> list[int]:
    took = []
    for _ in range(calls):
        started = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - started)
    took.sort()
    return [took[len(took) // 2], took[len(took) * 99 // 100], took[-1]]


def cold(call: Callable[[], Any], calls: int) -> list[float]:
    took = []
    for _ in range(calls):
        compile(ELSE, "textwrap", "exec")
        started = time.perf_counter_ns()
        call()
        took.append(time.perf_counter_ns() - started)
    return [statistics.median(took)]


def main() -> None:
    calls = compared()
    alone: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(int(sys.argv[1])):
        for name, (call, at_most) in calls.items():
            alone[name].append(per_call(call, at_most or CALLS))
    once = {name: cold(call, at_most or COLD) for name, (call, at_most) in calls.items()}
    busy = True

    def compute() -> None:
        while busy:
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    beside = {name: single(call, at_most or SINGLE) for name, (call, at_most) in calls.items()}
    busy = False
    thread.join()
    beats = Beats(float(os.environ["LIFESIGN_HEARTBEAT_INTERVAL"]))
    turns, used = asyncio.run(beats.ours(0.5))
    alone["beat"] = [used / turns]
    lifesign.stop()
    turns, used = asyncio.run(beats.theirs(0.5))
    alone["histogram"] = [used / turns]
    assert not beats.refused(), "the boot lane was full"
    print(json.dumps({"alone": alone, "cold": once, "beside": beside}))


main()
