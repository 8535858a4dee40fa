"""A crowd of waiting tasks and an echo server in one loop; a ticker feels each pause of that loop.

usage: crowd.py TASKS METHOD FILE, where METHOD is who takes the dumps: lifesign, naive or aiomonitor.

Says ``ready PORT``. Commands on standard input, each answered with one line:
``measure`` the resident memory in bytes; ``dump`` its start and end on the wall clock, and what it used of the
processor, in nanoseconds; ``pauses`` writes to FILE as many words of wall clock as of pauses, in nanoseconds.
"""

from __future__ import annotations

import array
import asyncio
import ctypes
import gc
import os
import sys
import threading
import time
import traceback
from typing import Any, AsyncIterator, Callable

TICK = 0.001

stamps = array.array("q")
pauses = array.array("q")


async def deep(wait: Callable[[], Any], depth: int) -> None:
    await (wait() if depth == 0 else deep(wait, depth - 1))


async def numbers() -> AsyncIterator[int]:
    while True:
        await asyncio.sleep(86400)
        yield 1


async def consume() -> None:
    async for _ in numbers():
        pass


async def guarded(lock: asyncio.Lock) -> None:
    async with lock:
        pass


async def shielded(future: asyncio.Future[None]) -> None:
    await asyncio.wait_for(future, 86400)


def kinds() -> list[Callable[[], Any]]:
    """What a service's tasks wait for."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    event, lock, future = asyncio.Event(), asyncio.Lock(), asyncio.get_running_loop().create_future()
    lock._locked = True
    return [
        queue.get,
        lambda: deep(queue.get, 3),
        lambda: deep(event.wait, 5),
        lambda: asyncio.sleep(86400),
        lambda: deep(lambda: asyncio.sleep(86400), 2),
        lambda: guarded(lock),
        lambda: shielded(future),
        consume,
        lambda: deep(consume, 3),
    ]


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def tick(loop: asyncio.AbstractEventLoop, due: int) -> None:
    stamps.append(time.time_ns())
    now = time.monotonic_ns()
    pauses.append(now - due)
    loop.call_later(TICK, tick, loop, now + int(TICK * 1e9))


def naive(tasks: list[asyncio.Task[Any]]) -> int:
    return sum(len("".join(traceback.format_stack(frame))) for task in tasks for frame in task.get_stack())


def aiomonitor(tasks: list[asyncio.Task[Any]]) -> int:
    from aiomonitor.utils import _extract_stack_from_task, _format_task

    return sum(len(_format_task(t)) + len("".join(traceback.format_list(_extract_stack_from_task(t)))) for t in tasks)


def timed(dump: Callable[[list[asyncio.Task[Any]]], int], tasks: Callable[[], Any]) -> None:
    started, used = time.time_ns(), time.thread_time_ns()
    dump(list(tasks()))
    print(started, time.time_ns(), time.thread_time_ns() - used, flush=True)


def measure() -> None:
    gc.collect()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), flush=True)


async def main(count: int, method: str) -> None:
    loop = asyncio.get_running_loop()
    if method == "aiomonitor":
        import aiomonitor.utils  # noqa: F401 - paid for before the first look at the memory
    made = kinds()
    tasks = [loop.create_task(made[index % len(made)](), name=f"job-{index}") for index in range(count)]
    await asyncio.sleep(0.5)
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    ended = asyncio.Event()

    def command() -> None:
        line = os.read(0, 4096).decode().strip()
        if line == "measure":
            measure()
        elif line == "pauses":
            with open(sys.argv[3], "wb") as file:
                stamps.tofile(file)
                pauses.tofile(file)
            print("written", flush=True)
        elif line == "dump" and method == "aiomonitor":
            # Its console runs in a thread of its own, so that is where its formatter works.
            threading.Thread(target=timed, args=(globals()[method], lambda: asyncio.all_tasks(loop))).start()
        elif line == "dump":
            timed(globals()[method], asyncio.all_tasks)
        else:
            ended.set()

    loop.add_reader(0, command)
    tick(loop, time.monotonic_ns())
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(len(tasks))
    os._exit(0)  # nobody wants to see 100,000 tasks cancelled


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
