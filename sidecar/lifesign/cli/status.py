"""``lifesign status [PID]``: state and vital signs of every watched process, as the sidecar would judge them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, duration, print_json, printable
from lifesign.cli.supervise import extra, rundirectory
from lifesign.errors import EXIT_OK
from lifesign.wire import layout

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from lifesign.watch.telemetry import CauseReading, Snapshot

_TIMEOUT = 2.0  # seconds that a blocked process is waited for
_STYLES = {
    "starting": "cyan",
    "healthy": "green",
    "silent": "yellow",
    "degraded": "yellow",
    "idle": "dim",
    "blocked": "bold red",
    "frozen": "bold red",
    "dead": "bold red",
    "stopped": "dim",
}


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="only this process")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Polls once, with or without a sidecar, and prints the result.

    Raises:
        NotWatchedError: there is no such process.
    """
    extra.require()
    from lifesign.cli.query.request import ask_all
    from lifesign.cli.query.target import select
    from lifesign.judge import states
    from lifesign.watch.once import poll_once

    settings = arguments.given(args, os.environ).settings(os.environ)
    directory = rundirectory.find(settings.dir)
    snapshots = select(poll_once(directory, settings, os.environ), args.pid, directory)
    blocked = {snapshot.pid for snapshot in snapshots if snapshot.state == states.BLOCKED}
    if blocked:  # what blocks it now is known to its watchdog alone
        with Progress() as progress:
            ask_all(directory, _TIMEOUT, blocked.__contains__, progress, whole=False)
        snapshots = select(poll_once(directory, settings, os.environ), args.pid, directory)
    if args.json:
        print_json(to_json(snapshots))
    else:
        console().print(render(snapshots))
    return EXIT_OK


def to_json(snapshots: Sequence[Snapshot]) -> Any:
    """The snapshots as plain lists and dicts; see `watch.telemetry.Snapshot`."""
    import msgspec

    return [
        {name: value for name, value in msgspec.to_builtins(snapshot).items() if name != "new_delays"}
        for snapshot in snapshots
    ]


def render(snapshots: Sequence[Snapshot]) -> Group:
    """A table of processes, and below it the details of each."""
    from rich.console import Group
    from rich.text import Text

    lines: list[Table | Text] = [_table(snapshots)]
    for snapshot in snapshots:
        details = _details(snapshot)
        if details:
            lines.append(Text(f"\n{printable(snapshot.command)} {snapshot.pid}", "bold"))
            lines.extend(Text(f"  {printable(text)}", style) for text, style in details)
    return Group(*lines)


def _table(snapshots: Sequence[Snapshot]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("PID", "SERVICE", "STATE", "WHY"):
        table.add_column(heading, overflow="fold")
    for heading in ("BEAT", "TASKS", "UP"):
        table.add_column(heading, justify="right", no_wrap=True)
    for snapshot in snapshots:
        table.add_row(
            str(snapshot.pid),
            Text(printable(snapshot.service)),
            Text(printable(_state(snapshot)), _STYLES.get(snapshot.state, "")),
            Text(printable(snapshot.why)),
            f"{duration(snapshot.beat_age)} ago" if snapshot.beats else "none",
            str(snapshot.tasks),
            duration(snapshot.uptime),
        )
    return table


def _details(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Lines of text with their styles."""
    lines = [(f"cause: {cause.sentence}", _style(cause)) for cause in snapshot.causes]
    if snapshot.boot != "complete":
        lines.append((f"boot {snapshot.boot.replace('_', ' ')}{_reached(snapshot)}", _STYLES["silent"]))
    if snapshot.unwatched_loops:
        watched = f"{snapshot.unwatched_loops} event loops are not watched: more run than {layout.LOOPS_MAX}"
        lines.append((watched, "yellow"))
    for event in snapshot.events:
        due = f", due every {duration(event.deadline)}" if event.deadline else ""
        newest = (
            f"last {duration(event.age)} ago" if event.count or event.stand_in else f"none in {duration(event.age)}"
        )
        synthetic = f" and {event.synthetic} synthetic" if event.synthetic else ""
        late = event.deadline is not None and event.age > event.deadline
        lines.append(
            (f"event {event.name}: {event.count}{synthetic}, {newest}{due}", _STYLES["silent"] if late else "")
        )
    lines += [
        (f"post-condition {check.name} failed: {check.reason}", "red" if check.critical else "yellow")
        for check in snapshot.postconditions
        if not check.passed
    ]
    lines += [(f"{count} records dropped ({reason})", "yellow") for reason, count in snapshot.dropped.items() if count]
    return lines


def _state(snapshot: Snapshot) -> str:
    """The state is a word of its own, whatever conditions follow it: scripts cut it out."""
    return f"{snapshot.state} ({', '.join(snapshot.conditions)})" if snapshot.conditions else snapshot.state


def _style(cause: CauseReading) -> str:
    """What only is a condition of the process, and fails no probe, is no alarm."""
    from lifesign.judge.causes.stalls import conditions

    return _STYLES["silent" if conditions((cause.word,)) else "blocked"]


def _reached(snapshot: Snapshot) -> str:
    at = snapshot.stopped_at()
    return f", at checkpoint {at.name}" if at is not None else ""
