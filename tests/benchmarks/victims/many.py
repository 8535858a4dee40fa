"""Many processes as their files show them, written by one. usage: many.py RUN NUMBER. Each beats twice a second."""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path

from support.mainprocess import LockHolder, Main

PAUSE = 0.5
run, number = Path(sys.argv[1]), int(sys.argv[2])
holder = LockHolder()
mains = [
    Main(run, holder, f"{os.getpid()}-{one:08x}", pid=os.getpid(), instance=str(uuid.uuid4())) for one in range(number)
]
print("ready", flush=True)
while True:
    due = time.monotonic() + PAUSE
    for main in mains:
        main.beat()
    time.sleep(max(0.0, due - time.monotonic()))
