"""A blocking call in a thread of its own does not hold the end of the process up."""

from __future__ import annotations

import subprocess
import sys
import time

HANGING = """
import asyncio, time
from lifesign.off_loop import off_loop
async def main():
    await off_loop(int)
    asyncio.create_task(off_loop(time.sleep, 60))
    await asyncio.sleep(0.01)
asyncio.run(main())
"""


def test_neither_a_hanging_nor_an_idle_thread_holds_an_exit_up() -> None:
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", HANGING], timeout=30, check=False).returncode == 0
    assert time.monotonic() - began < 10  # of sixty
