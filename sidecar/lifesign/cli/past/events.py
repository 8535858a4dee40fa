"""``lifesign events [PROCESS]``: what has happened to watched processes, the newest last."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import JSON_SCHEMA, console, print_json, printable, say
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, NotWatchedError, RunDirectoryError, SettingError

if TYPE_CHECKING:
    from rich.console import Console

    from lifesign.cli.past.happenings import Happening
    from lifesign.cli.query.target import Wanted
    from lifesign.cli.sidecar.histories import ProcessHistory
    from lifesign.settings import Settings
    from lifesign.watch.once import Sighting

_SHOWN = 50
_FOLLOWED_S = 0.5
_LAST_NS = 253_402_214_400_000_000_000  # of the year 9999, a day before its end
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
    """Prints what happened, as a sidecar knows it or the processes have kept it, and with ``--follow`` what is new.

    Raises:
        NotWatchedError: there is no such process.
        RunDirectoryError: there is no run directory.
        SettingError: the number of lines is none.
    """
    extra.require()
    from lifesign.cli.past.happenings import Happenings
    from lifesign.cli.query.target import Wanted

    if args.lines < 1:
        raise SettingError("--lines wants a number from 1 on", "--lines 50")
    settings = arguments.given(args, os.environ).settings(os.environ)
    wanted = Wanted(args.which, settings, os.environ)
    seen, remembered = _known(wanted, args.which)
    newest = Happenings().new(seen, remembered or ())[-args.lines :]
    to = console()
    if args.json and not args.follow:
        print_json({"sidecar": remembered is not None, "events": [to_json(one) for one in newest]})
    else:
        _print(newest, to, as_json=args.json)
    if args.follow:
        for happened in _new(args.which, settings):
            _print(happened, to, as_json=args.json)
    return EXIT_OK


def _new(which: str | None, settings: Settings) -> Iterator[list[Happening]]:
    """What happens from now on, again and again, in the run directories that are there at the time."""
    from lifesign.cli.past.happenings import Happenings
    from lifesign.cli.query.target import Wanted
    from lifesign.watch.once import Onlooker

    happenings, paths = Happenings(), None
    with contextlib.ExitStack() as opened:
        while True:
            with contextlib.suppress(RunDirectoryError):  # a new run makes a new one
                wanted = Wanted(which, settings, os.environ)
                if wanted.places[0] != paths:
                    opened.close()
                    onlooker = opened.enter_context(
                        contextlib.closing(Onlooker(wanted.places[0], settings, os.environ))
                    )
                happened = happenings.new(wanted.chosen(onlooker.poll()))
                yield happened if paths is not None else []  # at first those that are printed already
                paths = wanted.places[0]
            time.sleep(_FOLLOWED_S)


def _known(wanted: Wanted, which: str | None) -> tuple[list[Sighting], list[ProcessHistory] | None]:
    """What is seen of the processes, and what their sidecars tell: None where none does."""
    from lifesign.cli.past.remembered import remembered

    missing: NotWatchedError | None = None
    seen: list[Sighting] = []
    try:
        seen = wanted.seen()
    except NotWatchedError as error:  # a sidecar remembers those that are gone
        missing = error
    places = sorted({one.path for one in seen}) or wanted.places[0]
    answers = {path: remembered(path) for path in places}
    keys = {one.poll.snapshot.key for one in seen}
    heard = [
        one
        for answer in answers.values()
        for one in answer or ()
        if which is None or one.key in keys or which in (str(one.pid), one.service, one.command)
    ]
    if missing is not None and not heard:
        raise missing
    alone = [path for path, answer in answers.items() if answer is None]
    if alone:
        where = alone[0] if len(alone) == 1 else f"{len(alone)} run directories"
        say(f"no sidecar answers in {where}: this is what the processes have kept themselves")
    return seen, heard if len(alone) < len(answers) else None


def to_json(one: Happening) -> dict[str, Any]:
    """One thing that happened; its time in wall clock nanoseconds."""
    return {name: value for name, value in one._asdict().items() if name != "key"}


def _print(happened: Sequence[Happening], to: Console, *, as_json: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for one in happened:
        if as_json:
            print(json.dumps({"schema": JSON_SCHEMA, **to_json(one)}), flush=True)
            continue
        when = datetime.fromtimestamp(min(max(0, one.at), _LAST_NS) / 1e9)  # what others have written may be any number
        title = f"{one.title} ({one.times} times)" if one.times > 1 else one.title
        line = Text.assemble(
            (f"{when:%H:%M:%S}  ", "dim"),
            (f"{printable(one.service)} {one.pid}  ", "bold"),
            (printable(title), _STYLES.get(one.severity, "")),
        )
        if one.text and not to.is_terminal:  # a line each, for grep
            line.append(f": {printable(one.text)}")
        to.print(line, soft_wrap=not to.is_terminal)
        if one.text and to.is_terminal:
            to.print(Padding(Text(printable(one.text), "dim"), (0, 0, 0, 10), expand=False))
