"""``lifesign dump [PID]``: every asyncio task of a watched process, grouped by where it waits."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from lifesign.cli import extra, options, rundirectory
from lifesign.cli.terminal import console, print_json, printable
from lifesign.errors import EXIT_OK, NotAnsweredError, NotWatchedError, RunDirectoryError, SettingError

if TYPE_CHECKING:
    from rich.console import Group

    from lifesign.cli.asking import Answer


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="which process, where there are several")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=5.0, help="seconds to wait for the answer; default 5"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add_settings(parser, ["dir"])


def main(args: argparse.Namespace) -> int:
    """Asks, waits, and prints the answer.

    Raises:
        NotWatchedError: there is no such process.
        NotAnsweredError: it did not answer in time.
    """
    extra.require()
    from lifesign.cli.asking import ask, choose
    from lifesign.wire.reader import PulseError

    if not args.timeout > 0:
        raise SettingError("--timeout wants a number of seconds above 0", "--timeout 5")
    directory = rundirectory.find(options.given(args, os.environ).settings(os.environ).dir)
    with contextlib.closing(choose(directory, args.pid)) as process:
        try:
            answer = ask(process.reader, args.timeout)
        except PulseError as error:
            raise NotWatchedError(
                f"the pulse of process {process.pid} cannot be read: {error}", "lifesign status"
            ) from None
        except PermissionError:
            hint = "the user that the main process runs as"
            raise RunDirectoryError(f"you may not write to the pulse of process {process.pid}", hint) from None
    if answer is None:
        raise NotAnsweredError(
            f"process {process.pid} did not answer within {args.timeout:g} s",
            "lifesign status; a frozen process runs no Python to answer with: read its last words instead",
        )
    if args.json:
        print_json({"pid": process.pid, "dump": answer.dump, "groups": answer.groups})
    else:
        console().print(render(process.pid, answer), soft_wrap=True)
    return EXIT_OK


def render(pid: int, answer: Answer) -> Group:
    """The dump as text, groups in the order they came: biggest first."""
    from rich.console import Group
    from rich.text import Text

    dump, groups = answer.dump, answer.groups
    took = (dump["end"] - dump["start"]) / 1e6
    lines = [
        Text(
            f"process {pid}: {_count(dump['tasks'], 'task')} in {_count(dump['groups'], 'group')}, {took:.0f} ms",
            "bold",
        )
    ]
    for group in groups:
        names = printable(", ".join(group["names"]))
        more = ", ..." if group["count"] > len(group["names"]) else ""
        lines.append(Text.assemble("\n", (_count(group["count"], "task"), "bold cyan"), f"  {names}{more}"))
        for frame in group["stack"]:
            place = printable(f"{frame['file']}:{frame['line']}")
            lines.append(Text.assemble("  ", (printable(frame["function"]), "green"), "  ", (place, "dim")))
        if group["waits_for"]:
            lines.append(Text.assemble("  waits for ", (printable(group["waits_for"]), "yellow")))
    missing = dump["groups"] - len(groups)
    if missing > 0:
        lines.append(Text(f"\n{_count(missing, 'group')} more not shown: too many for the ring", "dim"))
    return Group(*lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
