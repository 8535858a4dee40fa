"""Who waits for whom: edges between tasks, and the rings among them that nobody will ever leave."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Iterator

from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.walk import name

CYCLES_MAX = 5
CYCLE_NAMES_MAX = 20
_KNOWS_AWAITERS = sys.version_info >= (3, 14)
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

    def look(self, task: Any) -> None:
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

    def cycles(self, pace: Pace) -> list[list[str]]:
        """Names of tasks that wait for each other in a ring, one list a ring."""
        found: list[list[str]] = []
        finished: set[int] = set()
        for start in self.by_awaiter:
            pace.step()
            if start not in finished and len(found) < CYCLES_MAX:
                self._search(start, finished, found, pace)
        return found

    def _search(self, start: int, finished: set[int], found: list[list[str]], pace: Pace) -> None:
        # Depth first without recursion: a chain of awaits may be longer than Python's stack.
        path: list[int] = [start]
        on_path = {start}
        pending = [list(self.by_awaiter[start][1])]
        while path:
            pace.step()
            if not pending[-1]:
                pending.pop()
                on_path.discard(path[-1])
                finished.add(path.pop())
                continue
            following = id(pending[-1].pop())
            if following in on_path:
                ring = path[path.index(following) :]
                if len(found) < CYCLES_MAX:
                    names = [name(self.by_awaiter[one][0]) for one in ring[:CYCLE_NAMES_MAX]]
                    found.append([*names, "..."] if len(ring) > CYCLE_NAMES_MAX else names)
            elif following not in finished and following in self.by_awaiter:
                path.append(following)
                on_path.add(following)
                pending.append(list(self.by_awaiter[following][1]))
