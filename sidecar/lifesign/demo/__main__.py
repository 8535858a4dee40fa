"""``python -m lifesign.demo``: the order desk, until q, SIGTERM or SIGINT (exit 0) or k (a crash)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import Awaitable, Callable, NamedTuple, Optional, Sequence

import lifesign
from lifesign.demo.controls import HELP, Controls
from lifesign.demo.illnesses import ILLNESSES
from lifesign.demo.pipe import Pipe
from lifesign.demo.service import OrderDesk
from lifesign.demo.why import Why


class Shown(NamedTuple):
    """The address of lifesign's page, which has the buttons; `browser`: it is shown there."""

    page: str
    browser: bool


def say(text: str) -> None:
    """To the person at the terminal."""
    sys.stderr.write(f"demo: {text}\n")
    sys.stderr.flush()


async def serve(descriptor: int, pace: float = 0.2, shown: Optional[Shown] = None) -> None:
    """Run an order desk until it is asked to end.

    Args:
        descriptor: where the commands come from.
        pace: seconds between two orders.
        shown: the page, where there is one.

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
        say("r: what was broken is mended; its checks now")
        await check()

    endings: dict[str, Callable[[], None]] = {
        "k": lambda: end(RuntimeError("the order book is corrupt")),
        "q": end,
    }
    longer: dict[str, Callable[[], Awaitable[None]]] = {"f": fail, "r": recover}
    why = Why()

    def command(letter: str) -> None:
        illness = ILLNESSES.get(letter)
        if illness is not None:
            say(f"{letter}: {illness.what}")
            say(f"   look at: {illness.look}")
        if letter in endings:
            endings[letter]()
        elif letter in longer:
            task = asyncio.ensure_future(longer[letter]())
            doing.add(task)
            task.add_done_callback(doing.discard)
        elif illness is not None:
            if controls.at_terminal and illness.shows_after is not None:
                why.ask(illness.shows_after)
            getattr(desk, illness.call)()
        elif letter == "y":
            why.ask(0)
        elif letter:
            say(HELP)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    controls = Controls(descriptor, command)
    pipe = _pipe()
    buttons = Controls(pipe.descriptor, command) if pipe is not None else None
    try:
        booting = asyncio.ensure_future(desk.boot())
        await asyncio.wait({booting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if booting.done():
            await booting
            say("the order desk is open")
            if shown is not None:
                say(f"its illnesses have buttons at {shown.page}")
                if controls.at_terminal:
                    say("press one there, or type b here: a moment later it is said what is wrong, and where")
                if shown.browser:
                    open_browser(shown.page)
        await ending
    finally:
        controls.close()
        if buttons is not None and pipe is not None:
            buttons.close()
            pipe.close()
        why.close()
        booting.cancel()
        await desk.close()
        say(f"{desk.booked} orders booked")


def _pipe() -> Optional[Pipe]:
    directory = os.environ.get("LIFESIGN_DIR")
    if directory:
        with contextlib.suppress(OSError):  # it is not there, or not to be written to
            return Pipe(directory)
    return None


def open_browser(url: str) -> None:
    """Shows a page to the person, by a process of its own that may take its time."""
    environ = {name: value for name, value in os.environ.items() if name not in ("LIFESIGN_DIR", "PYTHONPATH")}
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-m", "webbrowser", url],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def main(argv: Sequence[str] = ()) -> None:
    """Run with the terminal as the control; ``--page URL`` has the buttons, ``--browser`` shows it."""
    parser = argparse.ArgumentParser(prog="python -m lifesign.demo")
    parser.add_argument("--page", metavar="URL", help="lifesign's page, which has the buttons")
    parser.add_argument("--browser", action="store_true", help="show it in the browser")
    args = parser.parse_args(argv)
    shown = Shown(args.page, args.browser) if args.page else None
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ else -1
    if descriptor >= 0 and os.isatty(descriptor):
        say(HELP)
    asyncio.run(serve(descriptor, shown=shown))


if __name__ == "__main__":
    main(sys.argv[1:])
