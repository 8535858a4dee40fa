"""``lifesign events [PROCESS]``: what has happened to watched processes, the newest last."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import JSON_SCHEMA, console, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, SettingError

if TYPE_CHECKING:
    from rich.console import Console

    from lifesign.cli.past.happenings import Happening

_SHOWN = 50
_FOLLOWED_S = 0.5
_STYLES = {9: "", 13: "yellow", 17: "red", 21: "bold red"}


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
    parser.add_argument("--follow", action="store_true", help="go on, and print what happens, until Ctrl-C")
    parser.add_argument(
        "--lines", metavar="N", type=int, default=_SHOWN, help=f"how many of the newest are printed; default {_SHOWN}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON; with --follow one object a line")
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Prints what the processes have kept of what happened, and with ``--follow`` what is new.

    Raises:
        NotWatchedError: there is no such process.
        RunDirectoryError: there is no run directory.
        SettingError: the number of lines is none.
    """
    extra.require()
    from lifesign.cli.past.happenings import Happenings
    from lifesign.cli.query.target import Wanted
    from lifesign.watch.once import Onlooker

    if args.lines < 1:
        raise SettingError("--lines wants a number from 1 on", "--lines 50")
    settings = arguments.given(args, os.environ).settings(os.environ)
    wanted, happenings = Wanted(args.which, settings, os.environ), Happenings()
    newest = happenings.new(wanted.seen())[-args.lines :]
    to = console()
    if args.json and not args.follow:
        print_json({"events": [to_json(one) for one in newest]})
    else:
        _print(newest, to, as_json=args.json)
    if args.follow:
        with contextlib.closing(Onlooker(wanted.places[0], settings, os.environ)) as onlooker:
            while True:
                _print(happenings.new(wanted.chosen(onlooker.poll())), to, as_json=args.json)
                time.sleep(_FOLLOWED_S)
    return EXIT_OK


def to_json(one: Happening) -> dict[str, Any]:
    """One thing that happened; its time in wall clock nanoseconds."""
    return {
        "at": one.at,
        "pid": one.pid,
        "service": one.service,
        "event": one.event,
        "severity": one.severity,
        "text": one.text,
    }


def _print(happened: Sequence[Happening], to: Console, *, as_json: bool) -> None:
    from rich.text import Text

    for one in happened:
        if as_json:
            print(json.dumps({"schema": JSON_SCHEMA, **to_json(one)}), flush=True)
            continue
        when = datetime.fromtimestamp(one.at / 1e9).strftime("%H:%M:%S")  # as a clock on the wall shows it
        style = _STYLES.get(one.severity, "")
        line = Text.assemble(
            (f"{when}  ", "dim"), (f"{printable(one.service)} {one.pid}  ", "bold"), (printable(one.text), style)
        )
        to.print(line, soft_wrap=not to.is_terminal)
