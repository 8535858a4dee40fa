"""The groups of a task dump in full, one after the other."""

from __future__ import annotations

from typing import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from lifesign.cli.taskdump.words import (
    TEXT_CHARACTERS,
    Links,
    age,
    counted,
    cut,
    distinct,
    names,
    number,
    own,
    state,
    times,
    title,
)
from lifesign.watch.sources import Source
from lifesign.wire.records import Frame, TaskGroup

NAMES_MAX = 5
EDGES_MAX = 10
FRAMES_MAX = 50
_INDENT = " " * 4


def hanging(text: Text) -> Padding:
    """An indented text; where it is folded at the edge its further lines are indented too."""
    return Padding.indent(text, len(_INDENT))


def listing(groups: Sequence[TaskGroup], source: Source) -> Iterator[RenderableType]:
    """The groups in the order they came: biggest first."""
    links = Links(groups)
    for group in groups:
        yield Text()
        yield Text.assemble((f"#{number(group['index'])} ".ljust(len(_INDENT)), "dim"), (title(group), "bold cyan"))
        if group["names"]:
            yield hanging(Text(names(group, NAMES_MAX)))
        yield hanging(Text(", ".join(filter(None, (state(group), age(group)))), "yellow"))
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
    """A stack as Python writes one, not folded: a path in two pieces opens nowhere."""
    start = max(0, len(stack) - FRAMES_MAX)
    if start:
        yield Text(f"{indent}... {counted(start, 'frame')} ...", "dim")
    until = own(stack)
    for place, frame in enumerate(stack[start:], start):
        style = "dim" if place >= until else ""
        function = cut(frame["function"], TEXT_CHARACTERS)
        if not frame["file"]:
            yield Text(indent + function, "dim")
            continue
        file = cut(frame["file"], TEXT_CHARACTERS, keep_end=True)
        yield _uncut(f'{indent}File "{file}", line {number(frame["line"])}, in ', style).append(
            function, style or "green"
        )
        text = source(frame["file"], frame["line"])
        if text is not None:
            yield _uncut(f"{indent}  {cut(text, TEXT_CHARACTERS)}", style)


def _uncut(text: str, style: str) -> Text:
    """A line as it is, however long: a path in two pieces opens nowhere."""
    return Text(no_wrap=True, overflow="ignore").append(text, style)
