"""The await tree of a task dump, in the manner of ``pstree``: below each group the groups that it waits for."""

from __future__ import annotations

import os
from typing import Iterator, Sequence

from rich.text import Text
from rich.tree import Tree

from lifesign.cli.taskdump.words import (
    NAME_CHARACTERS,
    Links,
    counted,
    cut,
    names,
    number,
    own,
    short,
    state,
    times,
    title,
)
from lifesign.wire.records import TaskDump, TaskGroup

DEPTH_MAX = 16  # deeper groups stand at the left margin again, or the guides would fill the line
CHILDREN_MAX = 50


class _Branches:
    def __init__(self, dump: TaskDump, groups: Sequence[TaskGroup]) -> None:
        self._links = Links(groups)
        self._cycles = [set(cycle) for cycle in dump["cycles"]]
        self._shown: set[int] = set()
        self._path: list[int] = []

    def grow(self) -> Iterator[Tree]:
        roots = [index for index in self._links.groups if not self._awaiters(index)]
        # After them what hangs on no root, in a ring, or hangs too deep.
        for index in (*roots, *self._links.groups):
            if index not in self._shown:
                tree = Tree(self._node(index), guide_style="dim")
                self._below(index, tree)
                yield tree

    def _awaiters(self, index: int) -> set[int]:
        return self._links.awaited_by[index].keys() - {index}

    def _below(self, index: int, tree: Tree) -> None:
        self._path.append(index)
        children = sorted(self._links.awaits[index].items())
        for child, count in children[:CHILDREN_MAX]:
            if child in self._links.groups and child not in self._shown and len(self._path) < DEPTH_MAX:
                self._below(child, tree.add(self._node(child, count)))
            else:
                tree.add(self._reference(child))
        if len(children) > CHILDREN_MAX:
            tree.add(_line(f"and {counted(len(children) - CHILDREN_MAX, 'more group')}", "dim"))
        self._path.pop()

    def _node(self, index: int, count: int | None = None) -> Text:
        self._shown.add(index)
        group = self._links.groups[index]
        sample = names(group, 2 if group["count"] == 2 else 1)
        line = _line(f"#{number(index)} ", "dim").append(title(group), "bold cyan").append(f" [{sample}]  ")
        line.append(state(group), "yellow")
        often = "" if count is None else times(count, group["count"])
        if often:
            line.append(f", awaited {often}")
        stack = group["stack"]
        if stack:
            at = stack[own(stack) - 1]
            inside = f"{short(at)} " if own(stack) > 1 else ""
            file = cut(os.path.basename(at["file"]), NAME_CHARACTERS)
            line.append(f"  {inside}{file}:{number(at['line'])}", "dim")
        return line

    def _reference(self, index: int) -> Text:
        text = f"... {self._links.named(index)}"
        if index in self._path and self._is_deadlock(self._path[self._path.index(index) :]):
            return _line(f"{text}, deadlock", "bold red")
        if index not in self._links.groups:
            return _line(text, "dim")
        return _line(f"{text}, {'above' if index in self._shown else 'below'}", "dim")

    def _is_deadlock(self, ring: list[int]) -> bool:
        """Whether tasks of these groups are known to wait for each other.

        A ring of groups alone is none: each call of a recursive function waits for another one.
        """
        samples = [self._links.groups[index]["names"] for index in ring]
        return any(all(not cycle.isdisjoint(some) for some in samples) for cycle in self._cycles)


def trees(dump: TaskDump, groups: Sequence[TaskGroup]) -> Iterator[Tree]:
    """One line per group, and one for each further path to it."""
    return _Branches(dump, groups).grow()


def _line(text: str, style: str) -> Text:
    """A text that is cut at the edge: folded, it would break the guides."""
    return Text(no_wrap=True, overflow="ellipsis").append(text, style)
