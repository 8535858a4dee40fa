"""A program with a child, or with more than one life: what it does is its first argument."""

from __future__ import annotations

import asyncio
import atexit
import code
import multiprocessing
import os
import signal
import sys
import time
from typing import Callable

SEEN = 1.0  # seconds that each life goes on, so that the sidecar sees it


def life(seconds: float = SEEN) -> None:
    asyncio.run(asyncio.sleep(seconds))


async def fails() -> None:
    await asyncio.sleep(SEEN)
    raise ValueError("the order book is empty")


async def leaves() -> None:
    await asyncio.sleep(SEEN)
    sys.exit(3)


def child(target: Callable[[], object], end: str = "", method: str = "fork") -> None:
    process = multiprocessing.get_context(method).Process(target=target)
    process.start()
    if end:
        time.sleep(2 * SEEN)
        getattr(process, end)()
    process.join()
    time.sleep(SEEN)  # the parent goes on


def forked(status: int) -> None:
    pid = os.fork()
    if pid == 0:
        life()
        os._exit(status)
    os.waitpid(pid, 0)
    time.sleep(SEEN)


def raises() -> None:
    asyncio.run(fails())


def exits() -> None:
    asyncio.run(leaves())


def for_long() -> None:
    life(60)


def square(number: int) -> int:
    life(0.3)
    return number * number


def pool() -> None:
    with multiprocessing.Pool(2) as workers:
        print(workers.map(square, range(4)), flush=True)
        time.sleep(SEEN)
    time.sleep(SEEN)


def replaces() -> None:
    life()
    os.execv(sys.executable, [sys.executable, __file__, "life"])


def begins_anew() -> None:
    import lifesign

    async def main() -> None:
        await asyncio.sleep(SEEN)
        lifesign.stop()
        await asyncio.sleep(SEEN)
        lifesign.start(os.environ["LIFESIGN_DIR"])
        await asyncio.sleep(2 * SEEN)

    asyncio.run(main())


def lives_on() -> None:
    import lifesign

    life()
    lifesign.stop()
    time.sleep(5 * SEEN)


def cleans_up() -> None:
    atexit.register(time.sleep, 5 * SEEN)
    life()


def shows() -> None:
    code.InteractiveConsole().push("1/0")
    life()


def ignores() -> None:
    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
        print("ready", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())


def blocks() -> None:
    async def main() -> None:
        await asyncio.sleep(0.5)
        time.sleep(60)

    asyncio.run(main())


if __name__ == "__main__":
    DOES: dict[str, Callable[[], object]] = {
        "life": life,
        "terminates": lambda: child(for_long, "terminate"),
        "terminates spawned": lambda: child(for_long, "terminate", "spawn"),
        "kills": lambda: child(for_long, "kill"),
        "raises": lambda: child(raises),
        "exits": lambda: child(exits),
        "exits spawned": lambda: child(exits, method="spawn"),
        "pool": pool,
        "os._exit(0)": lambda: forked(0),
        "os._exit(3)": lambda: forked(3),
        "replaces": replaces,
        "begins anew": begins_anew,
        "lives on": lives_on,
        "cleans up": cleans_up,
        "shows": shows,
        "ignores": ignores,
        "blocks": blocks,
        "for long": for_long,
    }
    while not os.path.exists(os.path.join(os.environ["LIFESIGN_DIR"], "sidecar.lock")):
        time.sleep(0.05)  # what ends before the sidecar is there can only be guessed
    DOES[sys.argv[1]]()
