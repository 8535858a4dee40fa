"""``lifesign why [PROCESS]``: what is wrong with watched processes and where, in one sentence, and what shows it."""

from __future__ import annotations

import argparse
import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Generator

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, hanging, print_json
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, LifesignError, NotWatchedError, RunDirectoryError

if TYPE_CHECKING:
    from lifesign.cli.query.request import Answer
    from lifesign.cli.query.target import Process, Wanted
    from lifesign.watch.telemetry import Snapshot
    from lifesign.wire.reader import PulseReader


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
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
        SettingError: the time to wait is none.
    """
    extra.require()
    from lifesign.cli.processes.explained import ILL, lines
    from lifesign.cli.query.request import dumps
    from lifesign.cli.query.target import Wanted

    arguments.check_seconds("--timeout", args.timeout, "5")
    settings = arguments.given(args, os.environ).settings(os.environ)
    target = Wanted(args.which, settings, os.environ)
    answers = _asked(target, partial(dumps, timeout=args.timeout))
    sightings = target.seen()
    refused: dict[str, str] = {}
    without = {one.path for one in sightings if one.poll.snapshot.state == "frozen" and not one.poll.snapshot.causes}
    if without:
        for path in without:
            refused.update(_no_stacks(path, settings.heartbeat_timeout))
        sightings = target.seen()
    snapshots = [one.poll.snapshot for one in sightings]
    snapshots.sort(key=lambda snapshot: (snapshot.state not in ILL, not snapshot.causes))
    if args.json:
        print_json({"processes": [to_json(snapshot) for snapshot in snapshots]})
    else:
        to = console()
        for snapshot in snapshots:
            for line in lines(snapshot, answers.get(snapshot.key), refused.get(snapshot.key, "")):
                to.print(hanging(line))
    return EXIT_OK


def _asked(target: Wanted, question: Callable[[PulseReader], Generator[Answer | None]]) -> dict[str, Answer]:
    """The task dumps of those that live and answer, by their keys."""
    from lifesign.cli.query.request import ask_all

    with Progress() as progress, contextlib.ExitStack() as opened:
        processes: list[Process] = []
        with contextlib.suppress(NotWatchedError):  # whether there are others is said later
            processes = target.living()
        for process in processes:
            opened.callback(process.close)
        answers = ask_all(processes, question, progress)
    return {key: answer for key, answer in answers.items() if not isinstance(answer, LifesignError)}


def _no_stacks(path: str, heartbeat_timeout: float) -> dict[str, str]:
    """Asks those that are frozen for their stacks; why those that cannot be asked cannot, by their keys."""
    from lifesign.judge.glance import glance
    from lifesign.judge.rundir import RunDirectory

    with contextlib.suppress(RunDirectoryError), contextlib.closing(RunDirectory(path)) as run:
        return {one.key: one.no_stacks for one in glance(run, heartbeat_timeout)}
    return {}


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
