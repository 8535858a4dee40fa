"""Who waits for whom among tasks, as asyncio knows it: directly, through ``gather`` and, from 3.14 on, all else."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Iterator

_KNOWS_AWAITERS = sys.version_info >= (3, 14)
_WAITS = frozenset(("wait", "_wait", "__aexit__", "_aexit", "wait_for"))  # in asyncio, for tasks that they refer to
EDGES_MAX = 200_000  # what a walk holds of them


def awaited(task: Any) -> Iterator[Any]:
    """The tasks that `task` waits for, directly or through ``gather``, as far as it can be seen before 3.14."""
    waiter = getattr(task, "_fut_waiter", None)
    if isinstance(waiter, asyncio.Task):
        yield waiter
    elif waiter is not None:
        for child in getattr(waiter, "_children", None) or ():
            if isinstance(child, asyncio.Task):
                yield child


def awaiters(task: Any) -> Iterator[Any]:
    """The tasks that wait for `task`: 3.14 and newer know, also for ``TaskGroup`` and ``wait``."""
    for future in getattr(task, "_asyncio_awaited_by", None) or ():
        if isinstance(future, asyncio.Task):
            yield future
        else:
            for outer in getattr(future, "_asyncio_awaited_by", None) or ():
                if isinstance(outer, asyncio.Task):
                    yield outer


class Edges:
    """The edges found on one walk."""

    def __init__(self) -> None:
        self.by_awaiter: dict[int, tuple[Any, list[Any]]] = {}  # by id: the awaiter and whom it waits for
        self._count = 0

    def add_all_of(self, task: Any) -> None:
        """Notes the edges of one task."""
        if not _KNOWS_AWAITERS:
            waiter = getattr(task, "_fut_waiter", None)
            if waiter is None or type(waiter) is asyncio.Future:
                return  # as most tasks do: nothing, or a plain future
        if hasattr(task, "_asyncio_awaited_by"):
            for awaiter in awaiters(task):
                self._add(awaiter, task)
        else:
            for other in awaited(task):
                self._add(task, other)

    def _add(self, awaiter: Any, task: Any) -> None:
        if self._count < EDGES_MAX and not task.done():
            self._count += 1
            self.by_awaiter.setdefault(id(awaiter), (awaiter, []))[1].append(task)


def waits_now(awaiter: Any, task: Any, innermost: str) -> bool:
    """Whether an edge is still true: 3.14 keeps some of waits that are over (gh-157213).

    Args:
        innermost: the name of the innermost function of the awaiter's stack.
    """
    waiter = getattr(awaiter, "_fut_waiter", None)
    if waiter is None:
        return False
    if waiter is task or innermost in _WAITS:
        return True
    children = getattr(waiter, "_children", None) or ()
    return any(child is task for child in children) or waiter in (getattr(task, "_asyncio_awaited_by", None) or ())
