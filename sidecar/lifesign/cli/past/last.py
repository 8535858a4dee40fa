"""``lifesign last [PROCESS]``: the newest run that ended ill, as it was saved then."""

from __future__ import annotations

import argparse
import os
import stat
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, NamedTuple

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import complain, console, duration, hanging, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, LifesignError, NotWatchedError
from lifesign.judge.causes.phrases import counted

if TYPE_CHECKING:
    from rich.console import Console

    from lifesign.serve.shown.history import HistoryEntry
    from lifesign.serve.shown.postmortem import PostMortem, SavedProcess
    from lifesign.serve.shown.tasks import TaskDumpView

_HISTORY_SHOWN = 20
_GROUPS_SHOWN = 5
_NAMED = 5  # processes
_REPORT_BYTES = 64 << 20
_LAST_MS = 253_402_214_400_000  # of the year 9999, a day before its end


class Saved(NamedTuple):
    """A post-mortem and its file."""

    file: Path
    content: PostMortem


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_which(parser)
    parser.add_argument("--list", action="store_true", help="list the runs that are saved")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Prints the newest post-mortem.

    Raises:
        NotWatchedError: none is saved, or none of such a process.
        LifesignError: none can be read.
    """
    extra.require()
    import msgspec

    from lifesign.serve.reports import directory

    folder = directory(os.environ)
    found = list(islice(_newest_first(folder, args.which), None if args.list else 1))
    if not found:
        of = "" if args.which is None else f" of {args.which}"
        hint = (
            "lifesign run -- CMD, which saves one when the last of its processes dies; lifesign why for those that live"
        )
        raise NotWatchedError(f"no run{of} that ended ill is saved in {folder}", hint)
    if args.json:
        newest = found[0]
        print_json({**msgspec.to_builtins(newest.content), "file": str(newest.file)})
        return EXIT_OK
    to = console()
    for saved in found:
        _headline(saved, to)
        if not args.list:
            for process in saved.content.processes:
                _process(process, to)
    return EXIT_OK


def _newest_first(folder: Path, which: str | None) -> Iterator[Saved]:
    """Those of a process; one that cannot be read, as of another version, hides no other."""
    files, unread = sorted(folder.glob("*.json"), reverse=True), []
    for file in files:
        try:
            saved = _read(file)
        except LifesignError as error:
            unread.append(error)
            if len(unread) < len(files):
                complain(error)
                continue
            raise
        if _is_about(saved, which):
            yield saved


def _read(file: Path) -> Saved:
    import msgspec

    from lifesign.serve.shown.postmortem import SCHEMA, PostMortem

    try:
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise ValueError("it is no file")
            content = msgspec.json.decode(opened.read(_REPORT_BYTES), type=PostMortem)
        if content.schema != SCHEMA:
            raise ValueError("another version of lifesign has saved it")
    except msgspec.ValidationError:
        raise LifesignError(f"{file} cannot be read: another version of lifesign has saved it", f"rm {file}") from None
    except (OSError, ValueError, RecursionError) as error:  # msgspec's other ones are of the second kind
        raise LifesignError(f"{file} cannot be read: {error}", f"rm {file}") from None
    return Saved(file, content)


def _is_about(saved: Saved, which: str | None) -> bool:
    seen = [one.process for one in saved.content.processes]
    return which is None or any(which in (str(one.pid), one.service, one.command) for one in seen)


def _headline(saved: Saved, to: Console) -> None:
    from rich.text import Text

    at = _time(saved.content.saved)
    ago = duration(max(0.0, (datetime.now() - at).total_seconds()))
    seen = [one.process for one in saved.content.processes[:_NAMED]]
    states = ", ".join(f"{one.command} {one.pid} {one.state}" for one in seen)
    to.print(Text.assemble((f"{at:%Y-%m-%d %H:%M:%S} ({ago} ago)  ", "bold"), printable(states)))
    page = saved.file.with_suffix(".html")
    to.print(Text(f"  {printable(str(page if page.exists() else saved.file))}", "dim"), soft_wrap=True)


def _process(saved: SavedProcess, to: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from lifesign.cli.processes.details import details
    from lifesign.cli.processes.explained import lines

    to.print()
    for line in lines(saved.process):
        to.print(hanging(line))
    for text, style in details(saved.process):
        if not text.startswith("cause: "):  # they are above
            to.print(Padding(Text(printable(text), style), (0, 0, 0, 2), expand=False))
    if saved.stack:
        to.print(Text("\n  last stack", "bold"))
        for row in saved.stack.splitlines():
            to.print(Text(f"    {printable(row)}"), soft_wrap=True)
    if saved.tasks is not None:
        _tasks(saved.tasks, to)
    if saved.history:
        to.print(Text("\n  what happened, the newest last", "bold"))
        for entry in reversed(saved.history[:_HISTORY_SHOWN]):
            _entry(entry, to)


def _tasks(tasks: TaskDumpView, to: Console) -> None:
    from rich.text import Text

    to.print(Text(f"\n  its {counted(tasks.tasks, 'task')}, at the newest dump", "bold"))
    for group in tasks.groups[:_GROUPS_SHOWN]:
        waits = f", waiting for {group.waits_for}" if group.waits_for else ""
        to.print(Text(printable(f"    {group.count} x {group.function}, {group.place}{waits}")))


def _entry(entry: HistoryEntry, to: Console) -> None:
    from rich.text import Text

    at = _time(entry.at)
    times = f" ({entry.times} times)" if entry.times > 1 else ""
    to.print(Text.assemble((f"    {at:%H:%M:%S}  ", "dim"), printable(f"{entry.title}{times}")))


def _time(at: int) -> datetime:
    """Of wall clock milliseconds, which may be any number."""
    return datetime.fromtimestamp(min(max(0, at), _LAST_MS) / 1e3)
