"""``python -m lifesign.demo``: the order desk, until q, SIGTERM or SIGINT (exit 0) or k (a crash)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Awaitable, Callable

import lifesign
from lifesign.demo.controls import HELP, Controls
from lifesign.demo.service import OrderDesk


def say(text: str) -> None:
    """To the person at the terminal."""
    sys.stderr.write(f"demo: {text}\n")
    sys.stderr.flush()


async def serve(descriptor: int, pace: float = 0.2) -> None:
    """Run an order desk until it is asked to end.

    Args:
        descriptor: where the commands come from.
        pace: seconds between two orders.

    Raises:
        RuntimeError: it was asked to crash.
    """
    desk = OrderDesk(pace)
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[None] = loop.create_future()
    doing: set[asyncio.Future[None]] = set()

    def end(error: Exception | None = None) -> None:
        if not ending.done():
            ending.set_exception(error) if error else ending.set_result(None)

    async def check() -> None:
        report = await lifesign.check_postconditions()
        say(report.diagnostic)

    async def fail() -> None:
        desk.fail_postcondition()
        await check()

    async def recover() -> None:
        await desk.recover()
        await check()

    failures: dict[str, Callable[[], None]] = {
        "b": desk.block,
        "g": desk.hold_gil,
        "l": desk.leak,
        "d": desk.deadlock,
        "s": desk.silence,
        "k": lambda: end(RuntimeError("the order book is corrupt")),
        "q": end,
    }
    longer: dict[str, Callable[[], Awaitable[None]]] = {"f": fail, "r": recover}

    def command(letter: str) -> None:
        if letter in failures:
            failures[letter]()
        elif letter in longer:
            task = asyncio.ensure_future(longer[letter]())
            doing.add(task)
            task.add_done_callback(doing.discard)
        elif letter:
            say(HELP)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    controls = Controls(descriptor, command)
    try:
        booting = asyncio.ensure_future(desk.boot())
        await asyncio.wait({booting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if booting.done():
            await booting
            say("the order desk is open")
        await ending
    finally:
        controls.close()
        booting.cancel()
        await desk.close()
        say(f"{desk.booked} orders booked")


def main() -> None:
    """Run with the terminal as the control."""
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ else -1
    if descriptor >= 0 and os.isatty(descriptor):
        say(HELP)
    asyncio.run(serve(descriptor))


if __name__ == "__main__":
    main()
