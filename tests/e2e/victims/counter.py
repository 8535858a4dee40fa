"""Counts the signals it gets: a line for each, and the totals as JSON when SIGTERM ends it with 5.

With an argument the lines go to that file instead of standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys

OUT = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND) if len(sys.argv) > 1 else 1
WATCHED = [
    signal.Signals[name] for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
]
counts = {number.name: 0 for number in WATCHED}


def count(number: int, _frame: object) -> None:
    counts[signal.Signals(number).name] += 1
    os.write(OUT, f"{signal.Signals(number).name}\n".encode())


for watched in WATCHED:
    signal.signal(watched, count)
os.write(OUT, f"ready {os.getpid()}\n".encode())
while not counts["SIGTERM"]:
    signal.sigtimedwait([], 0.02)
signal.sigtimedwait([], 0.2)  # were anything passed on twice, it would be here by now
os.write(OUT, json.dumps(counts).encode() + b"\n")
sys.exit(5)
