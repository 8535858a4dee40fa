"""The threads of a task dump, grouped by where they stand, and the executors that some of them belong to."""

from __future__ import annotations

from typing import Iterator

from rich.console import RenderableType
from rich.text import Text

from lifesign.cli.taskdump.groups import NAMES_MAX, hanging, stack_lines
from lifesign.cli.taskdump.words import NAME_CHARACTERS, TEXT_CHARACTERS, counted, cut, number, short
from lifesign.judge.causes.findings import Dump
from lifesign.judge.causes.phrases import own_frame
from lifesign.judge.causes.threads import wait_text
from lifesign.watch.emit.threads import executor_line
from lifesign.watch.sources import Source
from lifesign.wire.threads import ThreadGroup

_INDENT = " " * 4
_IDLE = "_worker"  # the function in which a thread of an executor takes its next job


def threads(dump: Dump | None, source: Source) -> Iterator[RenderableType]:
    """All of them, the executors first; nothing where the dump has none."""
    if dump is None or not dump.threads:
        return
    shown = sum(group["count"] for group in dump.threads)
    count = max(shown, dump.summary.get("threads", 0))
    looked = max(shown, dump.summary.get("threads_looked", count))
    cut_off = f", of which {number(looked)} were looked at" if looked < count else ""
    yield Text("\n" + counted(count, "thread") + cut_off, "bold")
    for index in range(len(dump.executors)):
        yield hanging(Text(cut(executor_line(dump, index), 2 * TEXT_CHARACTERS), "yellow"))
    for group in dump.threads:
        yield from _thread(group, source)


def _thread(group: ThreadGroup, source: Source) -> Iterator[RenderableType]:
    names = ", ".join(cut(name, NAME_CHARACTERS) for name in group["names"][:NAMES_MAX])
    more = ", ..." if group["count"] > len(group["names"][:NAMES_MAX]) else ""
    idle = bool(group["stack"]) and group["stack"][-1]["function"] == _IDLE
    place = own_frame(group["stack"])
    what = "idle" if idle or place is None else cut(group.get("job", ""), NAME_CHARACTERS) or short(place)
    yield Text()
    yield Text.assemble((f"{number(group['count'])} x {what}", "bold cyan"), f"  {names}{more}")
    if group["loop"]:
        yield hanging(Text("runs an event loop", "dim"))
    if group["wait"] is not None:
        yield hanging(Text(cut(f"waits for {wait_text(group['wait'])}", 2 * TEXT_CHARACTERS), "yellow"))
    if not idle:
        yield from stack_lines(group["stack"], source, _INDENT)
