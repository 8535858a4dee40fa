"""Shared by the views of a task dump: a group in a few bounded words, and who awaits whom."""

from __future__ import annotations

import itertools
import os
import re
from typing import Iterator, Sequence

from lifesign.cli.output.terminal import duration, printable
from lifesign.judge.causes.phrases import own_frame
from lifesign.wire.frames import is_library
from lifesign.wire.records import Frame, TaskGroup

NAME_CHARACTERS = 40
TEXT_CHARACTERS = 200
_AGE_MAX = 1e9  # seconds
_NUMBER_MAX = 10**15
_ASYNCIO = re.compile(r"[/\\]python3\.\d+t?[/\\]asyncio[/\\][^/\\]+$")


class Links:
    """The groups of a dump by their index, and the edges between them from both ends.

    An edge may lead to a group that is not there: the dump is limited, and the ring may have lost some.
    """

    def __init__(self, groups: Sequence[TaskGroup]) -> None:
        self.groups: dict[int, TaskGroup] = {}
        for group in groups:
            self.groups.setdefault(group["index"], group)
        self.awaits: dict[int, dict[int, int]] = {index: {} for index in self.groups}
        self.awaited_by: dict[int, dict[int, int]] = {index: {} for index in self.groups}
        for index, group in self.groups.items():
            for edge in group["awaits"]:
                self.awaits[index][edge["group"]] = edge["count"]
                self.awaited_by.setdefault(edge["group"], {})[index] = edge["count"]

    def named(self, index: int) -> str:
        """A group as others refer to it."""
        group = self.groups.get(index)
        return f"#{number(index)}" + (" (not shown)" if group is None else f" {title(group)}")

    def size(self, index: int) -> int | None:
        """How many tasks a group has; None where it is not there."""
        group = self.groups.get(index)
        return None if group is None else group["count"]


def cut(text: str, characters: int, *, keep_end: bool = False) -> str:
    """`text` without what a terminal would act on, and not too long."""
    part = text[-characters - 1 :] if keep_end else text[: characters + 1]
    shown = printable(part)
    if len(shown) <= characters:
        return shown
    return "..." + shown[3 - characters :] if keep_end else shown[: characters - 3] + "..."


def number(value: int) -> str:
    """`value`; one that nobody can have counted is not written out."""
    return str(value) if abs(value) < _NUMBER_MAX else "?"


def counted(value: int, noun: str) -> str:
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def title(group: TaskGroup) -> str:
    """``3 x parent``: how many, and the function that each of the tasks was made of."""
    function = short(group["stack"][0]) if group["stack"] else "no coroutine"
    return f"{number(group['count'])} x {function}"


def head(group: TaskGroup) -> str:
    """``1 x OrderDesk._settle, service.py:160, waits for Lock OrderDesk._ledger (locked), held by audit``.

    The place is the user's own; a task that was made of another function is named by that one too.
    """
    frame = own_frame(group["stack"])
    if frame is None:
        return f"{title(group)}, {doing(group)}"
    function, outermost = short(frame), short(group["stack"][0])
    who = function if function == outermost else f"{outermost} in {function}"
    file = cut(os.path.basename(frame["file"]), NAME_CHARACTERS)
    where = f", {file}:{number(frame['line'])}" if frame["file"] else ""
    return f"{number(group['count'])} x {who}{where}, {doing(group)}"


def doing(group: TaskGroup) -> str:
    """What the tasks of a group do, after their number: ``wait for gather``, ``runs``, ``are ready to run``."""
    states, one = group["states"], group["count"] == 1
    if states.keys() == {"running"}:
        return "runs" if one else "run"
    if states.keys() == {"ready"}:
        return f"{'is' if one else 'are'} ready to run"
    parts = [f"{number(count)} {cut(kind, NAME_CHARACTERS)}" for kind, count in list(states.items())[:5]]
    mixed = f" ({', '.join(parts)})" if len(states) > 1 else ""
    return f"{'waits' if one else 'wait'} for {_waits_for(group)}{mixed}"


def waited(group: TaskGroup) -> str:
    """For how long they have been waiting, for how long they will, and on what this stands; empty where not known."""
    parts = []
    if group["waited_most"] is not None and group["waited_most"] >= 1:
        least, most = (duration(_bounded(seconds)) for seconds in (group["waited_least"] or 0.0, group["waited_most"]))
        parts.append(f"for {most}" if least == most else f"for {least} to {most}")
    if group["time_left"] is not None:
        parts.append(f"{duration(_bounded(group['time_left']))} left")
    if group["looked"] < group["count"]:
        parts.append(f"the lines are those of {number(group['looked'])} that were looked at")
    return ", ".join(parts)


def _bounded(seconds: float) -> float:
    return min(_AGE_MAX, max(0.0, seconds))


def short(frame: Frame) -> str:
    """The name of a function without the functions around it."""
    return cut(frame["function"].rpartition("<locals>.")[2], NAME_CHARACTERS, keep_end=True)


def names(group: TaskGroup, most: int) -> str:
    """Some names of the group's tasks."""
    sample = [cut(name, NAME_CHARACTERS) for name in group["names"][:most]]
    return ", ".join([*sample, "..."] if group["count"] > len(sample) else sample)


def state(group: TaskGroup) -> str:
    """What the tasks are doing: ``waiting for gather``, ``running``, ``waiting for Future (9 waiting, 1 ready)``."""
    states = group["states"]
    waiting = f"waiting for {_waits_for(group)}"
    if list(states) in ([], ["waiting"]):
        return waiting
    if len(states) == 1 and not states.keys() - {"ready", "running"}:
        return next(iter(states))
    parts = [f"{number(count)} {cut(kind, NAME_CHARACTERS)}" for kind, count in list(states.items())[:5]]
    return f"{waiting} ({', '.join(parts)})"


def _waits_for(group: TaskGroup) -> str:
    kind, _, task = group["waits_for"].partition(" ")
    if kind == "task" and group["count"] > 1:  # it is a sample's: each of the others has one of its own
        return f"tasks [{cut(task, NAME_CHARACTERS)}, ...]"
    return cut(group["waits_for"], TEXT_CHARACTERS)


def age(group: TaskGroup) -> str:
    """How old the tasks are; empty where that is not known."""
    if group["oldest"] is None or group["newest"] is None:
        return ""
    oldest, newest = (duration(_bounded(age)) for age in (group["oldest"], group["newest"]))
    return f"{oldest} old" if oldest == newest else f"{newest} to {oldest} old"


def times(edges: int, tasks: int | None) -> str:
    """How often the tasks of a group are awaited; empty where it is as often as there are tasks, or not known."""
    if tasks is None or edges == tasks:
        return ""
    return {1: "once", 2: "twice"}.get(edges, f"{number(edges)} times")


def folded(stack: Sequence[Frame]) -> Iterator[Frame | list[Frame]]:
    """A stack with each run of frames that are not the user's own in one; where none is, all but the last are."""
    if stack and not any(_is_own(frame) for frame in stack):
        if stack[:-1]:
            yield list(stack[:-1])
        yield stack[-1]
        return
    for is_own, frames in itertools.groupby(stack, _is_own):
        if is_own:
            yield from frames
        else:
            yield list(frames)


def _is_own(frame: Frame) -> bool:
    return bool(frame["file"]) and not is_library(frame["file"])


def own(stack: Sequence[Frame]) -> int:
    """How many frames of a stack come before asyncio's own at its inner end; all of them where all are asyncio's."""
    length = len(stack)
    while length and _ASYNCIO.search(stack[length - 1]["file"]):
        length -= 1
    return length or len(stack)


def distinct(stack: Sequence[Frame]) -> list[Frame]:
    """A stack without the frames that a comprehension has on the line of the function that it is in."""
    return [
        frame
        for frame, outer in zip(stack, [None, *stack])
        if outer is None or (frame["file"], frame["line"]) != (outer["file"], outer["line"])
    ]
