"""``lifesign top [PROCESS]``: the watched processes live, worst first, with what is wrong with each."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, print_json, quiet
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, LifesignError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from lifesign.cli.processes.keys import Keys
    from lifesign.cli.processes.polling import Polling
    from lifesign.cli.processes.screen import Screen
    from lifesign.cli.processes.table import Row

_INTERVAL = 1.0
_KEYS_SECONDS = 0.25  # so often it is looked whether an answer has come
_DUMP_SECONDS = 3.0


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, once")
    parser.add_argument(
        "--interval",
        metavar="S",
        type=float,
        default=_INTERVAL,
        help=f"seconds between two polls; default {_INTERVAL:g}",
    )
    parser.add_argument(
        "--sort", choices=("worst", "cpu", "memory", "tasks", "delay", "up", "pid"), default="worst", help="the order"
    )
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Shows the processes until it is left; where standard output is no terminal, once.

    Raises:
        NotWatchedError: there is no such process; or it shows them once, and there is none.
        RunDirectoryError: there is no run directory.
        SettingError: the time between two polls is none.
    """
    extra.require()
    from lifesign.cli.processes.polling import Polling
    from lifesign.cli.processes.screen import Screen

    arguments.check_seconds("--interval", args.interval, "1")
    settings = arguments.given(args, os.environ).settings(os.environ)
    with contextlib.closing(Polling(args.which, settings, os.environ)) as polling:
        screen = Screen(args.sort)
        to = console()
        once = args.json or to.is_dumb_terminal or not (sys.stdout.isatty() and sys.stdin.isatty())
        if once or args.which is not None:  # who names none looks on, and sees them as they come
            polling.require()
        if once:
            polling.rows()
            with Progress() as progress:
                progress.announce("what only two polls show is measured")
                time.sleep(args.interval)
            screen.update(polling.rows())
            _print(screen.shown(), as_json=args.json)
        else:
            _live(screen, polling, args.interval, to)
    return EXIT_OK


def _print(rows: list[Row], *, as_json: bool) -> None:
    from lifesign.cli.processes.details import to_json
    from lifesign.cli.processes.table import table

    if as_json:
        print_json({"processes": [{**to_json(row.snapshot), "cpu": row.cpu, "delay": row.delay} for row in rows]})
    else:
        to = console()
        to.print(table(rows, to.width, live=True))


def _live(screen: Screen, polling: Polling, interval: float, to: Console) -> None:
    from rich.live import Live

    from lifesign.cli.processes.keys import Keys

    asking = Background()
    stops: list[int] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is to be as it was
    with contextlib.suppress(KeyboardInterrupt), quiet():
        while True:
            signal.signal(signal.SIGTSTP, lambda number, _: stops.append(number))
            with Keys(sys.stdin.fileno()) as keys, Live(console=to, screen=True, auto_refresh=False) as live:
                _show(screen, polling, interval, asking, live, keys, stops)
            if not stops:
                return
            stops.clear()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # the shell has the terminal as it was, until we are to go on


def _show(
    screen: Screen,
    polling: Polling,
    interval: float,
    asking: Background,
    live: Live,
    keys: Keys,
    stops: Sequence[int],
) -> None:
    """Until it is left, or to be suspended."""
    due = 0.0
    while not stops:
        if time.monotonic() >= due and not screen.paused:
            due = time.monotonic() + interval
            _poll(screen, polling)
        if asking.text is not None:
            screen.show(*asking.text)
            asking.text = None
        live.update(screen, refresh=True)
        for key in keys.pressed(min(_KEYS_SECONDS, interval)):
            wanted = screen.press(key)
            if wanted == "quit":
                return
            row = screen.selected()
            if wanted and row is not None:
                screen.show(f"{wanted}: process {row.snapshot.pid} is asked ...", [])
                asking.begin(partial(_about, wanted, row, polling))


def _poll(screen: Screen, polling: Polling) -> None:
    screen.note = ""
    try:
        screen.update(polling.rows())
    except LifesignError as error:
        screen.note = error.what


class Background:
    """Asks a process in a thread of its own, so that keys are heard meanwhile; the newest question is answered."""

    def __init__(self) -> None:
        self.text: tuple[str, list[Any]] | None = None
        self._newest = 0

    def begin(self, question: Callable[[], tuple[str, list[Any]]]) -> None:
        """Starts asking."""
        self._newest += 1
        threading.Thread(target=self._ask, args=(question, self._newest), daemon=True).start()

    def _ask(self, question: Callable[[], tuple[str, list[Any]]], number: int) -> None:
        try:
            answer = question()
        except Exception as error:  # noqa: BLE001 - whatever it is, the list goes on
            answer = f"{type(error).__name__}: {error}", []
        if number == self._newest:
            self.text = answer


def _about(wanted: str, row: Row, polling: Polling) -> tuple[str, list[Any]]:
    """The title and the lines of what is to be said of one process."""
    from rich.text import Text

    from lifesign.cli.output.terminal import printable
    from lifesign.cli.processes.details import details
    from lifesign.cli.processes.explained import lines
    from lifesign.cli.taskdump.view import render
    from lifesign.watch.sources import Sources

    snapshot = row.snapshot
    title = f"{wanted} {snapshot.command} {snapshot.pid}"
    if wanted == "info":
        found = [Text(f"  {printable(text)}", style) for text, style in details(snapshot)]
        return title, [*lines(snapshot), *found]
    answer = polling.ask(snapshot.key, _DUMP_SECONDS)
    if wanted == "why":
        return title, list(lines(polling.again(snapshot), answer))
    if answer is None:
        return title, [Text("  it did not answer; a frozen process runs no Python: try w (why)", "yellow")]
    return title, [render(f"{snapshot.command} {snapshot.pid}", answer, Sources())]
