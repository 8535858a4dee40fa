"""A thread that holds the GIL in C code, which keeps the loop from turning; the loop itself has nothing to do."""

from __future__ import annotations

import asyncio
import re
import threading
import time


def read_rules() -> None:
    for length in range(16, 40):
        before = time.thread_time()
        re.match("(a+)+$", "a" * length + "b")
        if time.thread_time() - before > 0.5:
            break
        time.sleep(0.3)
    for _ in range(3):
        time.sleep(0.5)
        re.match("(a+)+$", "a" * length + "b")


async def main() -> None:
    thread = threading.Thread(target=read_rules, name="rules-1")
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


asyncio.run(main())
