"""The groups of a task dump in full, one after the other."""

from __future__ import annotations

import os
from typing import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from lifesign.cli.taskdump.words import (
    NAME_CHARACTERS,
    TEXT_CHARACTERS,
    Links,
    age,
    counted,
    cut,
    distinct,
    folded,
    head,
    names,
    number,
    short,
    times,
    waited,
)
from lifesign.watch.sources import Source
from lifesign.wire.records import Frame, TaskGroup

NAMES_MAX = 5
EDGES_MAX = 10
FRAMES_MAX = 50
FOLDED_MAX = 3  # of library frames that are named in one line
_INDENT = " " * 4


def hanging(text: Text) -> Padding:
    """An indented text; where it is folded at the edge its further lines are indented too."""
    return Padding.indent(text, len(_INDENT))


def listing(groups: Sequence[TaskGroup], source: Source) -> Iterator[RenderableType]:
    """The groups in the order they came: biggest first."""
    links = Links(groups)
    for group in groups:
        yield Text()
        yield Text.assemble((f"#{number(group['index'])} ".ljust(len(_INDENT)), "dim"), (head(group), "bold cyan"))
        if group["names"]:
            yield hanging(Text(names(group, NAMES_MAX)))
        ages = ", ".join(filter(None, (waited(group), age(group))))
        if ages:
            yield hanging(Text(ages, "yellow"))
        yield from map(hanging, _relations(group, links))
        yield from stack_lines(group["stack"], source, _INDENT)
        if group["origin"]:
            yield Text(f"{_INDENT}created at")
            yield from stack_lines(distinct(group["origin"]), source, _INDENT + "  ")


def _relations(group: TaskGroup, links: Links) -> Iterator[Text]:
    awaiters = links.awaited_by[group["index"]]
    if awaiters:
        parts = [_other(links, other, times(count, group["count"])) for other, count in awaiters.items()]
        yield Text(f"awaited by {_some(parts)}")
    awaited = links.awaits[group["index"]]
    if awaited:
        parts = [_other(links, other, times(count, links.size(other))) for other, count in awaited.items()]
        yield Text(f"awaits {_some(parts)}")
    ids = [f"{what} {cut(value, 32)}" for what, value in (("trace", group["trace"]), ("span", group["span"])) if value]
    if ids:
        yield Text(", ".join(ids), "dim")


def _other(links: Links, index: int, often: str) -> str:
    return f"{links.named(index)} ({often})" if often else links.named(index)


def _some(parts: list[str]) -> str:
    more = [f"and {len(parts) - EDGES_MAX} more"] if len(parts) > EDGES_MAX else []
    return ", ".join([*parts[:EDGES_MAX], *more])


def stack_lines(stack: Sequence[Frame], source: Source, indent: str) -> Iterator[Text]:
    """A stack as Python writes one, with the frames of libraries in one line each time."""
    start = max(0, len(stack) - FRAMES_MAX)
    if start:
        yield Text(f"{indent}... {counted(start, 'frame')} ...", "dim")
    for part in folded(stack[start:]):
        if isinstance(part, list):
            yield _uncut(f"{indent}{_within(part)}", "dim")
            continue
        function = cut(part["function"], TEXT_CHARACTERS)
        if not part["file"]:
            yield Text(indent + function, "dim")
            continue
        file = cut(part["file"], TEXT_CHARACTERS, keep_end=True)
        yield _uncut(f'{indent}File "{file}", line {number(part["line"])}, in ').append(function, "green")
        text = source(part["file"], part["line"])
        if text is not None:
            yield _uncut(f"{indent}  {cut(text, TEXT_CHARACTERS)}")


def _within(frames: Sequence[Frame]) -> str:
    """Frames of a library in one line: ``... 2 frames of asyncio: Lock.__aenter__, Lock.acquire (locks.py:114)``."""
    last = frames[-1]
    some = [short(frame) for frame in frames[-FOLDED_MAX:]]
    place = f" ({cut(os.path.basename(last['file']), NAME_CHARACTERS)}:{number(last['line'])})" if last["file"] else ""
    more = "..., " if len(frames) > len(some) else ""
    return f"... {counted(len(frames), 'frame')} of libraries: {more}{', '.join(some)}{place}"


def _uncut(text: str, style: str = "") -> Text:
    """A line as it is, however long: a path in two pieces opens nowhere."""
    return Text(no_wrap=True, overflow="ignore").append(text, style)
