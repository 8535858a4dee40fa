"""A watched process that is asked for its stacks again and again, while all kinds of bytecode run or the GIL is held.

Arguments: a file of four words, which count the loop's turns, say since when a C call holds the GIL (monotonic
nanoseconds; 0 while none does), count the system calls that were interrupted and the signals that Python has handled;
how long such a call lasts, and how long it is until the next, in seconds at most.

It uses signals, `set_wakeup_fd` and faulthandler itself, and has a thread whose C code waits without the GIL and would
be disturbed by EINTR.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import faulthandler
import itertools
import mmap
import os
import random
import signal
import socket
import sys
import threading
import time
from typing import AsyncIterator, Iterator


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
    with contextlib.suppress(StopIteration):
        waits(random.randrange(20)).send(None)
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


def wait_in_c(progress: memoryview) -> None:
    """Waits as C code does that takes EINTR for an error."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    poll = ctypes.CDLL(None, use_errno=True).poll
    while True:
        if poll(None, 0, 20) < 0 and ctypes.get_errno() == errno.EINTR:
            progress[2] += 1


def seconds_an_item(_: int) -> float:
    """How long `sum` takes for one, of processor time: on a busy machine it takes longer."""
    began = time.thread_time()
    sum(itertools.repeat(1, 200_000))
    return (time.thread_time() - began) / 200_000


async def main() -> None:
    path, held, pause = sys.argv[1], *map(float, sys.argv[2:4])
    progress = memoryview(mmap.mmap(os.open(path, os.O_RDWR), 32)).cast("Q")

    def heard(*_: object) -> None:
        progress[3] += 1

    waking, woken = socket.socketpair()
    waking.setblocking(False)
    asyncio.get_running_loop().add_reader(woken, lambda: woken.recv(4096))
    signal.signal(signal.SIGALRM, heard)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    threading.Thread(target=wait_in_c, args=(progress,), daemon=True).start()
    for _ in range(2):
        threading.Thread(target=busy, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])  # in this thread it would end the call below
    usleep = ctypes.PyDLL(None).usleep
    item = min(map(seconds_an_item, range(10)))
    while True:
        progress[0] += 1
        await asyncio.sleep(random.uniform(0, pause))
        if held:
            seconds = random.uniform(held / 2, held)
            progress[1] = time.monotonic_ns()
            if random.random() < 0.5:
                usleep(int(seconds * 1e6))
            else:
                sum(itertools.repeat(1, int(seconds / item)))
            progress[1] = 0
        with contextlib.suppress(KeyError):
            deep(20)


asyncio.run(main())
