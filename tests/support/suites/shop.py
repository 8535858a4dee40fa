"""What the tests of a shop do, right and wrong: the file of tests begins with it."""

from __future__ import annotations

BODY = """
import asyncio
import gc
import importlib
import os
import sys
import time
import weakref

import pytest

kept = []


async def consume(queue):
    await queue.get()


async def take(first, second):
    async with first:
        await asyncio.sleep(0.01)
        async with second:
            pass


def render():
    time.sleep(0.3)


async def blocks():
    render()


async def leaks():
    kept.append(asyncio.create_task(consume(asyncio.Queue())))
    await asyncio.sleep(0.05)


async def deadlocks():
    first, second = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(take(first, second), take(second, first))


async def waits_for_itself():
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), asyncio.get_running_loop()).result()


async def sleeps():
    await asyncio.sleep(2)


async def imports():
    with open("slow_to_import.py", "w") as file:
        file.write("import time\\ntime.sleep(0.4)\\n")
    sys.path.insert(0, ".")
    importlib.invalidate_caches()
    import slow_to_import


async def cancels_a_task_and_ends():
    task = asyncio.create_task(consume(asyncio.Queue()))
    await asyncio.sleep(0.05)
    task.cancel()


async def has_a_deadlock_that_a_timeout_ends():
    first, second = asyncio.Lock(), asyncio.Lock()
    both = asyncio.gather(take(first, second), take(second, first))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(both, 2.0)


async def uses_the_fixture(background):
    assert not background.done()
    await asyncio.sleep(0.05)


async def fails_by_itself():
    render()
    assert False, "of its own"
"""


def at(code: str) -> str:
    """The place of the one line of the test file that has this code."""
    (line,) = [number for number, text in enumerate(BODY.splitlines(), 1) if code in text]
    return f"test_shop.py:{line}"
