"""A service that is well until a line on its standard input names what it is to suffer from.

It says ``ready PID`` when its loop runs, and ``ill NS`` and ``well NS`` around what holds it, in wall
clock nanoseconds. SIGUSR1 cures whatever Python can be cured of. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import re
import signal
import socket
import sys
import time
from typing import Any, Callable

import lifesign

LIBC = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL
lines: list[str] = []


class CuredError(Exception):
    """Gets the main thread out of whatever holds it."""


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def cure(*_: object) -> None:
    raise CuredError


def spin() -> None:
    while True:
        pass


def read() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.recv(1)


def numbers(seconds: float) -> int:
    """So many that adding them takes this long, whatever machine this is."""
    count = 200_000
    before = time.thread_time()
    sum(itertools.repeat(1, count))
    return int(count * seconds / (time.thread_time() - before))


ADDENDS = numbers(3.5) if "add" in sys.argv else 0

HOLDS: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(3600),
    "spin": spin,
    "read": read,
    "ctypes": lambda: LIBC.sleep(3600),
    "backtrack": lambda: re.match(r"(a+)+$", "a" * 64 + "b"),
    "add": lambda: sum(itertools.repeat(1, ADDENDS)),
}


def throw() -> None:
    raise ValueError("the order book is empty")


ENDS: dict[str, Callable[[], object]] = {
    "throw": throw,
    "leave": lambda: os._exit(3),
    "exit 0": lambda: sys.exit(0),
    "exit 3": lambda: sys.exit(3),
    "segv": lambda: ctypes.string_at(8),
    "abort": os.abort,
}


async def deadlock() -> None:
    """Two tasks, each with the lock that the other wants."""
    one, other = asyncio.Lock(), asyncio.Lock()

    async def take(first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0.1)
            async with second:
                say("no deadlock")

    await asyncio.gather(take(one, other), take(other, one))


async def tick() -> None:
    while True:
        lifesign.event("order")
        await asyncio.sleep(0.05)


async def eat() -> None:
    """Takes ever more memory."""
    hoard = []
    while True:
        hoard.append(b"x" * (1 << 20))
        await asyncio.sleep(0)


async def labour() -> None:
    """Turns the loop again and again, with a stretch of C in each turn that no other thread gets into."""
    count = numbers(0.06)
    while True:
        sum(itertools.repeat(1, count))
        await asyncio.sleep(0)


WORKS: dict[str, Callable[[], Any]] = {"deadlock": deadlock, "tick": tick, "eat": eat, "labour": labour}


async def main() -> str:
    """Suffers, line by line, until a line is for whoever runs the loop."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()

    def take() -> None:
        content = os.read(0, 4096)
        lines.extend(content.decode().splitlines() or ["exit 0"])
        arrived.set()

    loop.add_reader(0, take)
    if "terminable" in sys.argv:
        loop.add_signal_handler(signal.SIGTERM, lambda: (lines.append("return"), arrived.set()))
    working: dict[str, asyncio.Task[Any]] = {}
    say("ready", os.getpid())
    while True:
        await arrived.wait()
        arrived.clear()
        while lines:
            line = lines.pop(0)
            if line in HOLDS:
                say("ill", time.time_ns())
                with contextlib.suppress(CuredError):
                    HOLDS[line]()
                say("well", time.time_ns())
            elif line in ENDS:
                ENDS[line]()
            elif line in WORKS:
                working[line] = asyncio.create_task(WORKS[line]())
            elif line.startswith("stop "):
                working.pop(line[5:]).cancel()
            elif line == "fork":
                if os.fork() == 0:
                    asyncio.run(main())
                    os._exit(0)  # the loop that runs below us is the parent's
            else:
                loop.remove_reader(0)
                return line


signal.signal(signal.SIGUSR1, cure)
lifesign.checkpoint("config loaded")
if "throw at boot" in sys.argv:
    throw()
while True:
    ending = asyncio.run(main())
    if ending == "rest":
        say("resting")
        os.read(0, 64)
    elif ending == "daemonize":
        if os.fork():
            sys.exit(0)
    else:
        break
