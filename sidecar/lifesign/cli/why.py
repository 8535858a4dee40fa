"""``lifesign why [PID]``: what is wrong with a watched process and where, in one sentence, and what shows it."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING, Any, Iterator

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, print_json, printable
from lifesign.cli.supervise import extra, rundirectory
from lifesign.errors import EXIT_OK

if TYPE_CHECKING:
    from rich.text import Text

    from lifesign.cli.query.request import Answer
    from lifesign.watch.telemetry import Snapshot

GROUPS_MAX = 5  # that are shown where no cause is
_ILL = {"silent": "yellow", "degraded": "yellow", "blocked": "bold red", "frozen": "bold red", "dead": "bold red"}


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="only this process")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=5.0,
        help="seconds to wait for a task dump, and up to 10 more for many tasks; default 5",
    )
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Asks each process for a task dump, and prints the cause of what is wrong with it.

    Raises:
        NotWatchedError: there is no such process.
        RunDirectoryError: the run directory cannot be used.
    """
    extra.require()
    from lifesign.cli.query.request import ask_all
    from lifesign.cli.query.target import select
    from lifesign.judge.glance import glance
    from lifesign.judge.rundir import RunDirectory
    from lifesign.watch.once import poll_once

    settings = arguments.given(args, os.environ).settings(os.environ)
    directory = rundirectory.find(settings.dir)
    with Progress() as progress:
        answers = ask_all(directory, args.timeout, lambda pid: args.pid in (None, pid), progress)
    snapshots = select(poll_once(directory, settings, os.environ), args.pid, directory)
    refused: dict[str, str] = {}
    if any(snapshot.state == "frozen" and not snapshot.causes for snapshot in snapshots):
        with contextlib.closing(RunDirectory(directory)) as run:  # which asks for stacks
            refused = {one.key: one.no_stacks for one in glance(run, settings.heartbeat_timeout)}
        snapshots = select(poll_once(directory, settings, os.environ), args.pid, directory)
    snapshots.sort(key=lambda snapshot: (snapshot.state not in _ILL, not snapshot.causes))
    if args.json:
        print_json([to_json(snapshot) for snapshot in snapshots])
    else:
        to = console()
        for snapshot in snapshots:
            for line in lines(snapshot, answers.get(snapshot.pid), refused.get(snapshot.key, "")):
                to.print(line)
    return EXIT_OK


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """One process: who it is, its state and verdict, and its causes; see `watch.telemetry.CauseReading`."""
    import msgspec

    return {
        "pid": snapshot.pid,
        "service": snapshot.service,
        "command": snapshot.command,
        "state": snapshot.state,
        "why": snapshot.why,
        "conditions": snapshot.conditions,
        "causes": msgspec.to_builtins(snapshot.causes),
    }


def lines(snapshot: Snapshot, answer: Answer | None = None, no_stacks: str = "") -> Iterator[Text]:
    """The verdict, the causes below it, and below each what else was seen.

    Where there is no cause to show it says what was looked at: the biggest groups of the dump; or why there are
    `no_stacks` of a frozen process.
    """
    from rich.text import Text

    yield Text.assemble(
        (f"{printable(snapshot.command)} {snapshot.pid}  ", "bold"),
        (printable(snapshot.state), _ILL.get(snapshot.state, "green")),
        (printable("".join(f", {condition}" for condition in snapshot.conditions)), "yellow"),
        f": {printable(snapshot.why)}",
    )
    for cause in snapshot.causes:
        yield Text(f"  {printable(cause.sentence)}", "bold")
        yield from (Text(f"    {printable(line)}") for line in cause.evidence)
    if not snapshot.causes:
        yield from (Text(line, "dim") for line in _without_cause(snapshot, answer, no_stacks))


def _without_cause(snapshot: Snapshot, answer: Answer | None, no_stacks: str) -> Iterator[str]:
    if snapshot.state == "healthy" and not any(event.deadline for event in snapshot.events):
        yield "  nothing is known to be wrong; but no event is promised (LIFESIGN_EVENTS), whose absence would show"
    if snapshot.state not in _ILL:
        return
    if no_stacks:
        yield f"  no cause is known: its stacks cannot be had, {no_stacks}"
    elif snapshot.state in ("frozen", "dead"):
        yield "  no cause is known: it left no evidence; lifesign status and the last log records say what was seen"
    elif answer is None:
        yield "  no cause was found, and it did not answer a request for a task dump"
    else:
        from lifesign.cli.taskdump.words import counted, head, waited

        yield f"  no cause was found among its {counted(answer.dump['tasks'], 'task')} (lifesign dump has more):"
        for group in answer.groups[:GROUPS_MAX]:
            yield f"    {', '.join(filter(None, (head(group), waited(group))))}"
