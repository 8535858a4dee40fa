"""``lifesign dump [PID]``: every asyncio task of a watched process, grouped by where it waits."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lifesign.cli import extra, options, rundirectory
from lifesign.cli.terminal import console, print_json
from lifesign.errors import EXIT_OK, NotAnsweredError, SettingError

if TYPE_CHECKING:
    from lifesign.cli.asking import Answer


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="which process, where there are several")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=5.0, help="seconds to wait for the answer; default 5"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tree", action="store_true", help="print who waits for whom, a line a group")
    form.add_argument("--json", action="store_true", help="print JSON")
    options.add_settings(parser, ["dir"])


def main(args: argparse.Namespace) -> int:
    """Asks, waits, and prints the answer.

    Raises:
        NotWatchedError: there is no such process.
        NotAnsweredError: it did not answer in time.
    """
    extra.require()
    from lifesign.cli.asking import ask, chosen

    if not args.timeout > 0:
        raise SettingError("--timeout wants a number of seconds above 0", "--timeout 5")
    directory = rundirectory.find(options.given(args, os.environ).settings(os.environ).dir)
    with chosen(directory, args.pid) as process:
        answer = ask(process.reader, args.timeout)
    if answer is None:
        raise NotAnsweredError(
            f"process {process.pid} did not answer within {args.timeout:g} s",
            "lifesign status; a frozen process runs no Python to answer with: read its last words instead",
        )
    if args.json:
        print_json({"pid": process.pid, "dump": answer.dump, "groups": answer.groups})
    else:
        show(process.pid, answer, as_tree=args.tree)
    return EXIT_OK


def show(pid: int, answer: Answer, *, as_tree: bool) -> None:
    """Prints a dump for a person."""
    from lifesign.cli.dumptree import ASCII, UNICODE
    from lifesign.cli.dumpview import render, render_tree
    from lifesign.watch.sources import Sources

    to = console()
    if as_tree:
        guides = UNICODE if to.is_terminal and not to.options.ascii_only else ASCII
        to.print(render_tree(pid, answer, guides), crop=False)
    else:
        # Seen only by who runs this, and read with their rights.
        to.print(render(pid, answer, Sources()), crop=False)
