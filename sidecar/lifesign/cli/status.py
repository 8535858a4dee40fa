"""``lifesign status [PROCESS]``: state and vital signs of watched processes, as the sidecar would judge them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import JSON_SCHEMA, console, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, LifesignError

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from lifesign.cli.query.target import Wanted
    from lifesign.watch.telemetry import Snapshot

_TIMEOUT = 2.0  # seconds that a blocked process is waited for
_WATCHED_S = 2.0
_USES_MAX = 10  # processes of which it is said what each uses
_CLEAR = "\x1b[H\x1b[2J"


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
    parser.add_argument("--json", action="store_true", help="print JSON; with --watch one line each time")
    parser.add_argument(
        "--watch",
        metavar="S",
        nargs="?",
        type=float,
        const=_WATCHED_S,
        help=f"again and again, every S seconds (default {_WATCHED_S:g}), until Ctrl-C; see also lifesign top",
    )
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Polls, with or without a sidecar, and prints the result.

    Raises:
        NotWatchedError: there is no such process.
        SettingError: the time between two polls is none.
    """
    extra.require()
    if args.watch is not None:
        arguments.check_seconds("--watch", args.watch, "2")
    if args.watch is None:
        _print(_seen(args), as_json=args.json)
        return EXIT_OK
    while True:
        try:
            snapshots = _seen(args)
        except LifesignError as error:
            snapshots, said = [], printable(error.what)
        else:
            said = ""
        if args.json:
            print(json.dumps({"schema": JSON_SCHEMA, "processes": _plain(snapshots)}), flush=True)
        else:
            now = time.strftime("%H:%M:%S")
            print(_CLEAR if sys.stdout.isatty() else "", end="")
            print(f"lifesign status, {now}" + (f": {said}" if said else ""), flush=True)
            _print(snapshots, as_json=False)
        time.sleep(args.watch)


def _seen(args: argparse.Namespace) -> list[Snapshot]:
    from lifesign.cli.processes.table import severity
    from lifesign.cli.query.target import Wanted
    from lifesign.judge import states

    target = Wanted(args.which, arguments.given(args, os.environ).settings(os.environ), os.environ)
    snapshots = [one.poll.snapshot for one in target.seen()]
    blocked = {snapshot.key for snapshot in snapshots if snapshot.state == states.BLOCKED}
    if blocked:  # what blocks it now is known to its watchdog alone
        _ask(target, blocked)
        snapshots = [one.poll.snapshot for one in target.seen()]
    return sorted(snapshots, key=severity)


def _ask(target: Wanted, keys: set[str]) -> None:
    from lifesign.cli.query.request import ask_all, dumps

    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(Progress())
        processes = target.living()
        for process in processes:
            opened.callback(process.close)
        asked = [process for process in processes if process.key in keys]
        ask_all(asked, partial(dumps, timeout=_TIMEOUT, whole=False), progress)


def _print(snapshots: Sequence[Snapshot], *, as_json: bool) -> None:
    if as_json:
        print_json({"processes": _plain(snapshots)})
    else:
        to = console()
        to.print(render(snapshots, to.width))


def _plain(snapshots: Sequence[Snapshot]) -> list[dict[str, Any]]:
    from lifesign.cli.processes.details import to_json

    return [to_json(snapshot) for snapshot in snapshots]


def render(snapshots: Sequence[Snapshot], width: int) -> Group:
    """A table of processes, and below it the details of each."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from lifesign.cli.processes.details import details
    from lifesign.cli.processes.explained import ILL
    from lifesign.cli.processes.table import Row, table

    made = table([Row(snapshot) for snapshot in snapshots], width)
    lines: list[RenderableType] = [made]
    says_why = made.columns[-1].header == "WHY"
    for snapshot in snapshots:
        causes = [cause.sentence for cause in snapshot.causes]
        seen = not says_why or (bool(causes) and snapshot.state in ILL)
        found = [(snapshot.why, "")] if seen and snapshot.why not in causes else []
        found += details(snapshot, uses=len(snapshots) <= _USES_MAX)
        if found:
            lines.append(Text(f"\n{printable(snapshot.command)} {snapshot.pid}", "bold"))
            lines.extend(Padding(Text(printable(text), style), (0, 0, 0, 2), expand=False) for text, style in found)
    return Group(*lines)
