"""``python -m lifesign.demo``: the order desk, until q, SIGTERM or SIGINT (exit 0) or k (a crash)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Awaitable, Callable, NamedTuple

import lifesign
from lifesign.demo.controls import HELP, Controls
from lifesign.demo.service import OrderDesk
from lifesign.demo.why import LATEST_S, STANDSTILL_S, Why


def say(text: str) -> None:
    """To the person at the terminal."""
    sys.stderr.write(f"demo: {text}\n")
    sys.stderr.flush()


class Illness(NamedTuple):
    """What a letter does to the desk; `shows_after` so many seconds it is seen as an illness."""

    begin: Callable[[], None]
    what: str
    shows_after: float | None


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

    illnesses: dict[str, Illness] = {
        "b": Illness(desk.block, "a report is written with a call that blocks the event loop", STANDSTILL_S),
        "g": Illness(desk.hold_gil, "a C call holds the GIL", STANDSTILL_S),
        "d": Illness(desk.deadlock, "settlement and audit take two locks in opposite order", LATEST_S),
        "p": Illness(desk.use_up_pool, "reports take all connections and keep them", LATEST_S),
        "x": Illness(desk.fill_executor, "the printers are out of paper, and their threads wait", LATEST_S),
        "c": Illness(desk.kill_consumers, "an odd order for each worker, which fails at it", LATEST_S),
        "s": Illness(desk.silence, "no more orders come in", LATEST_S),
        "w": Illness(desk.stall, "the catalogue is rendered on the event loop, 0.4 s each time", LATEST_S),
        "z": Illness(desk.spin, "a task asks for news again and again, without a pause", LATEST_S),
        "l": Illness(desk.leak, "1000 tasks wait for a confirmation that never comes", None),
    }
    endings: dict[str, Callable[[], None]] = {
        "k": lambda: end(RuntimeError("the order book is corrupt")),
        "q": end,
    }
    longer: dict[str, Callable[[], Awaitable[None]]] = {"f": fail, "r": recover}
    why = Why()

    def command(letter: str) -> None:
        if letter in illnesses:
            illness = illnesses[letter]
            say(f"{letter}: {illness.what}")
            if controls.at_terminal and illness.shows_after is not None:
                why.ask(illness.shows_after)
            illness.begin()
        elif letter == "y":
            why.ask(0)
        elif letter in endings:
            endings[letter]()
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
        why.close()
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
