"""A process that its dead-man's switch goes off in, again and again, while all kinds of bytecode run.

Arguments: the way (``gil``: C calls hold the GIL now and then; ``none``: no switch), a folder, seconds
until the switch goes off, seconds between two beats, seconds that a C call holds the GIL. Two words in
the file ``progress`` count the beats and the dumps.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import mmap
import os
import random
import sys
import threading
import time
from typing import AsyncIterator, Callable, Iterator

from lifesign.agent.crashdump import CrashDump


def deep(depth: int) -> int:
    if depth == 0:
        raise KeyError(depth)
    try:
        return deep(depth - 1)
    except KeyError:
        if depth % 3:
            raise
        return depth


def numbers(count: int) -> Iterator[int]:
    for number in range(count):
        yield from (number, number + 1)


async def ticks(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


async def waits(depth: int) -> int:
    if depth:
        return await waits(depth - 1)
    return sum([number async for number in ticks(5)])


def short_lived() -> int:
    return sum(numbers(200))


def work() -> None:
    """One round of calls, exceptions, generators, coroutines, new code, callbacks from C and threads."""
    deep(random.randrange(1, 60))
    sum(numbers(100))
    asyncio.run(asyncio.wait_for(waits(random.randrange(20)), 60))
    for size in (1, 5, 50):
        fresh: dict[str, object] = {}
        exec("def made(a):\n" + "".join(f" a = a + {n}\n" for n in range(size)) + " return [a for b in 'xy']", fresh)
        fresh["made"](1)  # type: ignore[operator]
        del fresh
    sorted(range(100), key=lambda number: deep(3 + number % 2))
    thread = threading.Thread(target=short_lived)
    thread.start()
    thread.join()


def busy() -> None:
    while True:
        with contextlib.suppress(KeyError):
            work()


def create_in(folder: str) -> Callable[[str, int], int]:
    return lambda name, flags: os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | flags, 0o600)


def beat(words: CrashDump, seconds: float, progress: memoryview) -> None:
    while True:
        time.sleep(seconds)
        words.rearm()
        progress[0] += 1
        progress[1] = words.dumps


def main() -> None:
    kind, folder, after, seconds, held = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
    descriptor = os.open(os.path.join(folder, "progress"), os.O_RDWR)
    progress = memoryview(mmap.mmap(descriptor, 16)).cast("Q")
    words = CrashDump(create_in(folder), "signals" if kind == "none" else "on", after=after)
    threading.Thread(target=beat, args=(words, seconds, progress), daemon=True).start()
    for _ in range(3):
        threading.Thread(target=busy, daemon=True).start()
    usleep = ctypes.PyDLL(None).usleep
    while True:
        if kind == "gil":
            usleep(int(held * 1e6))
        with contextlib.suppress(KeyError):
            work()


main()
