"""Calls from where one should not call: signal handlers, threads without a loop, finalizers, the very end."""

from __future__ import annotations

import asyncio
import atexit
import signal
import sys
import threading
import time

import lifesign


def call(where: str) -> None:
    """Everything that a service may call, at once."""
    lifesign.event(where)
    lifesign.checkpoint(where)
    with lifesign.checkpoint(f"in {where}"):
        pass
    lifesign.promise(where, within=60)
    lifesign.dump_tasks()


class Finalized:
    """Called when nothing is left to be called."""

    def __del__(self) -> None:
        call("__del__")


handled = 0


def handler(number: int, frame: object) -> None:
    global handled
    handled += 1
    call("handler")


def forever() -> None:
    while True:
        call("daemon thread")
        time.sleep(0.0005)


async def work() -> None:
    until = time.monotonic() + 0.5
    while time.monotonic() < until or handled < 50:
        call("loop")
        await asyncio.sleep(0)


kept = Finalized()
cycle = Finalized()
cycle.itself = cycle  # type: ignore[attr-defined]
atexit.register(call, "atexit")
call("import")
threading.Thread(target=forever, daemon=True).start()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
asyncio.run(work())
signal.setitimer(signal.ITIMER_REAL, 0)
plain = [threading.Thread(target=call, args=("thread",)) for _ in range(8)]
for thread in plain:
    thread.start()
for thread in plain:
    thread.join()
call("after the loop")
print("done", flush=True)
sys.exit(9)
