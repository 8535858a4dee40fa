"""Reads the frames of all threads while others start threads and leave mapped files to the garbage collector.

usage: collecting.py agent|bare|disabling SECONDS; with `disabling` the program disables the collector meanwhile
"""

from __future__ import annotations

import gc
import mmap
import sys
import threading
import time

from lifesign.agent.tasks.frames import current_frames

read = current_frames if sys.argv[1] != "bare" else sys._current_frames
until = time.monotonic() + float(sys.argv[2])
gc.set_threshold(5, 1, 1)


class Ring:
    def __init__(self) -> None:
        self.ring = self
        self.file = mmap.mmap(-1, 4096)


def starts() -> None:
    while time.monotonic() < until:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()


def called() -> None:
    time.sleep(0)


def calls() -> None:
    while time.monotonic() < until:
        called()


def reads() -> None:
    while time.monotonic() < until:
        read()


if sys.argv[1] == "disabling":
    sys.setswitchinterval(1e-6)
    threading.Thread(target=reads).start()
    while time.monotonic() < until:
        gc.enable()
        gc.disable()
        for _ in range(30):
            pass
        assert not gc.isenabled()
    print("done", flush=True)
    sys.exit()
for work in (starts, starts, starts, calls, calls, calls):
    threading.Thread(target=work, daemon=True).start()
turns = 0
while time.monotonic() < until:
    Ring()
    read()
    turns += 1
    if turns % 20 == 0:
        gc.collect()
assert gc.isenabled()
print("done", flush=True)
