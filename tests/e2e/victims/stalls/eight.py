"""A service that stalls its loop in eight ways, once for long and once for a moment each; it keeps its own books.

usage: eight.py SEED. Prints as JSON, by function, the seconds for which a stall of at least 0.2 s kept the loop: of
the processor for what computes, else of the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import logging
import os
import random
import re
import socket
import sys
import threading
import time
from typing import Any, Callable

THRESHOLD = 0.2
LONG = (0.3, 0.4, 0.53, 0.7, 0.95, 1.25, 1.7, 2.3)
SHORT = (0.05, 0.06, 0.07, 0.08)
LOG = logging.getLogger("slow")


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.ring = self


def rate(work: Callable[[], object], amount: float) -> float:
    """How much of it takes a second of the processor, from the quickest of three."""
    taken = []
    for _ in range(3):
        before = time.thread_time()
        work()
        taken.append(time.thread_time() - before)
    return amount / min(taken)


JSON_A_SECOND = rate(lambda: json.loads("[" + "7," * 200_000 + "7]"), 200_000)
ROUNDS_A_SECOND = rate(lambda: hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 20_000), 20_000)
TRIES_A_SECOND = rate(lambda: re.match("(a+)+$", "a" * 16 + "b"), 2**16)
bodies: dict[float, str] = {}
heap: list[Ring] = []


def parse_body(seconds: float) -> None:
    json.loads(bodies[seconds])


def hash_password(seconds: float) -> None:
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", int(ROUNDS_A_SECOND * seconds))


def match_header(seconds: float) -> None:
    tries = TRIES_A_SECOND * seconds
    length = max(10, int(tries).bit_length() - 4)
    for _ in range(max(1, round(tries / 2**length))):  # a dozen, so that it takes as long as it was to
        re.match("(a+)+$", "a" * length + "b")


def add_up(seconds: float) -> None:
    total, until = 0, time.thread_time() + seconds
    while time.thread_time() < until:
        total += 1


def collect_garbage(seconds: float) -> None:
    before = time.thread_time()
    while time.thread_time() - before < seconds:
        gc.collect()


def query(seconds: float) -> None:
    ours, silent = socket.socketpair()
    with ours, silent:
        ours.settimeout(seconds)
        with contextlib.suppress(OSError):
            ours.recv(1)


def resolve(seconds: float) -> None:
    """As a resolver does whose server does not answer."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.settimeout(seconds)
        client.sendto(b"example.test", server.getsockname())
        with contextlib.suppress(OSError):
            client.recv(512)


def log_line(seconds: float) -> None:
    """To a pipe that is full, and that somebody reads late."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writing, True)
    reader = threading.Timer(seconds, lambda: os.read(reading, 1 << 20))
    reader.start()
    handler = logging.StreamHandler(os.fdopen(writing, "w"))
    LOG.addHandler(handler)
    LOG.warning("an order")
    LOG.removeHandler(handler)
    reader.join()
    handler.stream.close()
    os.close(reading)


COMPUTES = (parse_body, hash_password, match_header, add_up, collect_garbage)
WAITS = (query, resolve, log_line)


def planned(seed: int) -> list[Any]:
    """The stalls in their order, each with its length; what they need is made before the loop begins."""
    chance = random.Random(seed)
    long = chance.sample(LONG, len(LONG))
    every: list[Any] = [(stall, seconds) for stall, seconds in zip((*COMPUTES, *WAITS), long)]
    every += [(stall, chance.choice(SHORT)) for stall in (*COMPUTES, *WAITS)]
    chance.shuffle(every)
    for stall, seconds in every:
        if stall is parse_body:
            bodies[seconds] = "[" + "7," * int(JSON_A_SECOND * seconds) + "7]"
    heap.extend(Ring() for _ in range(100_000))
    gc.collect()
    return every


async def main(every: list[Any]) -> None:
    books: dict[str, float] = {}
    await asyncio.sleep(1.0)
    for stall, seconds in every:
        clock = time.thread_time if stall in COMPUTES else time.monotonic
        before, began = clock(), time.monotonic()
        stall(seconds)
        kept = clock() - before
        if time.monotonic() - began >= THRESHOLD and seconds >= THRESHOLD:
            books[stall.__name__] = kept
        await asyncio.sleep(0.15)
    print(json.dumps(books), flush=True)


asyncio.run(main(planned(int(sys.argv[1]))))
