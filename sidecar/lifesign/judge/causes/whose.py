"""Whose a wait is: the user's own, or one of an installed package, which may wait so whenever it has nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.judge.causes.findings import Dump
    from lifesign.wire.records import TaskGroup, TaskPrimitive

_BETWEEN = ("/asyncio/", "/anyio/")  # whose frames are the wait itself


def groups_of(primitive: TaskPrimitive, dump: Dump) -> list[TaskGroup]:
    """The groups that wait for it."""
    indexes = {edge["group"] for edge in primitive["waiting"]}
    return [group for group in dump.groups if group["index"] in indexes]


def is_users_own(primitive: TaskPrimitive, dump: Dump, *, through_packages: bool = False) -> bool:
    """Whether the user's own code waits for it: not inside of a package, unless `through_packages`."""
    return any(_waits_itself(group, dump, through_packages) for group in groups_of(primitive, dump))


def as_the_user_waits(primitive: TaskPrimitive, dump: Dump) -> TaskPrimitive:
    """The primitive without those who wait for it in code of packages alone, where others do in the user's own."""
    own = {group["index"] for group in groups_of(primitive, dump) if _own(group)}
    edges = [edge for edge in primitive["waiting"] if edge["group"] in own]
    return {**primitive, "waiting": edges or primitive["waiting"]}


def is_by_main_alone(primitive: TaskPrimitive, dump: Dump) -> bool:
    """Whether none waits but the task that the loop runs for, which waits until the program is to end."""
    return all(group["keeps_the_loop"] for group in groups_of(primitive, dump))


def _waits_itself(group: TaskGroup, dump: Dump, through_packages: bool) -> bool:
    own = _own(group)
    inner = group["stack"][own:]
    if not through_packages and not all(any(part in frame["file"] for part in _BETWEEN) for frame in inner):
        return False
    # Before 3.12 `wait_for` makes a task of what it waits for, in which no frame is the user's.
    return own > 0 or any(_own(other) for other in dump.groups if _awaits(other, group["index"]))


def _awaits(group: TaskGroup, index: int) -> bool:
    return any(edge["group"] == index for edge in group["awaits"])


def _own(group: TaskGroup) -> int:
    """How many frames of a stack there are up to the innermost one of the user's own."""
    own = [at for at, frame in enumerate(group["stack"], 1) if frame["file"] and not is_library(frame["file"])]
    return own[-1] if own else 0
