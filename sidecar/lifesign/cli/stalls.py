"""``lifesign stalls [PROCESS]``: what stalls the event loops of watched processes, and which of them never pause."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.speedscope import Sampled, speedscope
from lifesign.cli.output.terminal import console, duration, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from lifesign.watch.sources import Source
    from lifesign.watch.telemetry import BusyReading, Snapshot, StallReading
    from lifesign.wire.stalls import StackTime

_STACKS_MAX = 3  # that are shown of one process: those that took most
_TEXT_MAX = 60  # characters of a name
# The columns of the table, and from how wide a terminal on there is room for each.
_HEADINGS = {"WHERE": 0, "WHAT": 75, "COUNT": 40, "TOTAL": 0, "WORST": 50, "LAST": 75, "CPU": 100, "TASK": 120}
_TEXTS = ("WHERE", "WHAT", "TASK")
_WHERE_MIN = 20  # columns


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, with all stacks")
    parser.add_argument("--speedscope", metavar="FILE", help="write all stacks for https://www.speedscope.app")
    arguments.add_settings(parser, ["dir", "heartbeat_timeout"])


def main(args: argparse.Namespace) -> int:
    """Polls twice, to see how busy the loops are, and prints what each process has written of its stalls.

    Raises:
        NotWatchedError: there is no such process.
        RunDirectoryError: the run directory cannot be used.
        UsageError: the file cannot be written.
    """
    extra.require()
    from lifesign.cli.query.target import Wanted
    from lifesign.watch.sources import Sources

    settings = arguments.given(args, os.environ).settings(os.environ)
    with Progress() as progress:
        progress.announce("how busy the event loops are is measured for a second")
        sightings = Wanted(args.which, settings, os.environ).seen(measured=True)
    snapshots = [one.poll.snapshot for one in sightings]
    if args.speedscope is not None:
        write_speedscope(snapshots, args.speedscope)
    elif args.json:
        print_json({"processes": [to_json(snapshot) for snapshot in snapshots]})
    else:
        to = console()
        # Seen only by who runs this, and read with their rights.
        source = Sources()
        for snapshot in snapshots:
            for part in parts(snapshot, source, time.time_ns(), to.width):
                to.print(part, crop=False)
    return EXIT_OK


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """One process; see `watch.telemetry.StallReading` and `BusyReading`."""
    import msgspec

    return {
        "pid": snapshot.pid,
        "service": snapshot.service,
        "command": snapshot.command,
        "state": snapshot.state,
        "conditions": snapshot.conditions,
        "utilization": snapshot.utilization,
        "stalls": msgspec.to_builtins(snapshot.stalls),
        "busy": msgspec.to_builtins(snapshot.busy),
    }


def write_speedscope(snapshots: Sequence[Snapshot], path: str) -> None:
    """Writes the stacks of all processes into one file, the stalls of each and each of its loops that spins apart.

    Raises:
        UsageError: the file cannot be written.
    """
    profiles = []
    for snapshot in snapshots:
        who = f"{snapshot.service or snapshot.command} {snapshot.pid}"
        stalled = [stack for stall in snapshot.stalls for stack in stall.stacks]
        profiles += [Sampled(f"{who}: stalls", stalled)] if stalled else []
        profiles += [Sampled(f"{who}: loop {busy.loop} spins", busy.stacks) for busy in snapshot.busy if busy.stacks]
    content = speedscope("lifesign stalls", profiles)
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    graphs = f"{len(profiles)} flame {'graph' if len(profiles) == 1 else 'graphs'}" if profiles else "no stacks yet"
    console().print(f"{printable(path)}: {graphs}; open it at https://www.speedscope.app", crop=False)


def parts(snapshot: Snapshot, source: Source, now: int, width: int) -> Iterator[RenderableType]:
    """A headline, the loops that never pause, a table, and the stacks of what took most of the time.

    Args:
        now: wall clock nanoseconds.
        width: of the terminal, in columns.
    """
    from rich.text import Text

    from lifesign.judge import states

    share = "" if snapshot.utilization is None else f"; its event loop works {snapshot.utilization:.0%} of the time"
    state = ", ".join((snapshot.state, *snapshot.conditions))
    yield Text.assemble((f"{printable(snapshot.command)} {snapshot.pid}  ", "bold"), f"{state}{share}")
    for busy in snapshot.busy:
        yield Text(f"  {_busy_line(busy)}", "yellow")
        yield from _stack(busy.stacks, source)
    lasts = snapshot.state in (states.BLOCKED, states.FROZEN)
    if lasts:
        yield Text(
            f"  a stall lasts, and is counted when it is over: {printable(snapshot.why)} (lifesign why: where)", "red"
        )
    if not snapshot.stalls and not lasts:
        yield Text(f"  no stall in {duration(snapshot.uptime)}", "dim")
    if not snapshot.stalls:
        return
    yield _table(snapshot.stalls, now, width)
    for stall in snapshot.stalls[:_STACKS_MAX]:
        lines = list(_stack(stall.stacks, source))
        if lines:
            yield Text(f"\n  {_where(stall)}, {duration(stall.worst)} at worst", "bold")
            yield from lines


def _busy_line(busy: BusyReading) -> str:
    where = f" in {printable(busy.function)}{_place(busy.file, busy.line)}" if busy.function else ""
    return f"busy: {busy.utilization:.0%} of a core, {busy.in_place} of {busy.samples} samples{where}"


def _table(stalls: Sequence[StallReading], now: int, width: int) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=True, show_edge=False)
    headings = [heading for heading, least in _HEADINGS.items() if width >= least]
    for heading in headings:
        is_text = heading in _TEXTS
        table.add_column(
            heading,
            justify="left" if is_text else "right",
            no_wrap=not is_text,
            overflow="fold",
            min_width=min(_WHERE_MIN, width // 2 - 2) if heading == "WHERE" else None,
        )
    for stall in stalls:
        cells = _cells(stall, now)
        table.add_row(*(cells[heading] for heading in headings))
    return table


def _cells(stall: StallReading, now: int) -> dict[str, Text | str]:
    from rich.text import Text

    others = not stall.id
    return {
        "WHERE": Text(_where(stall)),
        "WHAT": Text(_what(stall)),
        "COUNT": str(stall.count),
        "TOTAL": _length(stall.total),
        "WORST": "" if others else _length(stall.worst),
        "LAST": f"{duration(max(0, now - stall.last) / 1e9)} ago",
        "CPU": f"{stall.computing / stall.total:.0%}" if stall.total and not others else "",
        "TASK": Text(_task(stall)),
    }


def _length(seconds: float) -> str:
    """``0.24s``: two digits where `duration` has one, for what is short by its nature."""
    return f"{seconds:.2f}s" if seconds < 10 else duration(seconds)


def _where(stall: StallReading) -> str:
    """The user's own function and its place; where nobody is to blame, what happened."""
    from lifesign.judge.causes.stalls import BY_THE_MACHINE

    if stall.function:
        return f"{printable(stall.function[:_TEXT_MAX])}{_place(stall.file, stall.line)}"
    if stall.id:
        return BY_THE_MACHINE.get(stall.what, "code without a Python frame" if stall.what == "call" else "")
    return "others"


def _what(stall: StallReading) -> str:
    held = f", the GIL held by thread {printable(stall.thread[:_TEXT_MAX])}" if stall.thread else ""
    return f"{stall.what}{held}" if stall.id else ""


def _task(stall: StallReading) -> str:
    if not stall.task:
        return ""
    of = f" ({printable(stall.coroutine[:_TEXT_MAX])})" if stall.coroutine else ""
    return f"{printable(stall.task[:_TEXT_MAX])}{of}"


def _place(file: str, line: int) -> str:
    return f" {printable(os.path.basename(file))}:{line}" if file else ""


def _stack(stacks: Sequence[StackTime], source: Source) -> Iterator[RenderableType]:
    """The stack with the most time, from the user's own code on, with the frames of libraries folded."""
    from lifesign.cli.taskdump.groups import stack_lines
    from lifesign.wire.frames import is_library

    if stacks:
        stack = stacks[0]["stack"]
        own = [at for at, frame in enumerate(stack) if frame["file"] and not is_library(frame["file"])]
        yield from stack_lines(stack[own[0] if own else 0 :], source, " " * 4)
