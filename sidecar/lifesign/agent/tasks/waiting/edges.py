"""Who waits for whom among tasks, as asyncio knows it: directly, through ``gather`` and, from 3.14 on, all else."""

from __future__ import annotations

import sys
from typing import Any, Iterable, Iterator

from lifesign.agent.tasks import odd

KNOWS_AWAITERS = sys.version_info >= (3, 14)
_WAITS = frozenset(("wait", "_wait", "__aexit__", "_aexit", "wait_for"))  # in asyncio, for tasks that they refer to
EDGES_MAX = 200_000  # what a walk holds of them


def awaited(waiter: Any) -> Iterator[Any]:
    """The tasks that a future stands for, directly or through ``gather``, as far as it can be seen before 3.14."""
    if odd.is_task(waiter):
        yield waiter
    elif waiter is not None:
        yield from filter(odd.is_task, _several(waiter, "_children"))


def awaiters(task: Any) -> Iterator[Any]:
    """The tasks that wait for `task`: 3.14 and newer know, also for ``TaskGroup`` and ``wait``."""
    for future in _several(task, "_asyncio_awaited_by"):
        if odd.is_task(future):
            yield future
        else:
            yield from filter(odd.is_task, _several(future, "_asyncio_awaited_by"))


def _several(thing: Any, attribute: str) -> Iterable[Any]:
    """What asyncio keeps there in a list or a set, and nothing that a user's object has under the same name."""
    found = odd.read(thing, attribute)
    return found if type(found) in (list, set, frozenset, tuple) else ()


class Edges:
    """The edges found on one walk."""

    def __init__(self) -> None:
        self.by_awaiter: dict[int, tuple[Any, list[Any]]] = {}  # by id: the awaiter and whom it waits for
        self._count = 0

    def add_all_of(self, task: Any, waiter: Any) -> None:
        """Notes the edges of one task, which is suspended at the future `waiter`."""
        if KNOWS_AWAITERS:
            for awaiter in awaiters(task):
                self.add(awaiter, task)
        else:
            for other in awaited(waiter):
                self.add(task, other)

    def add(self, awaiter: Any, task: Any) -> None:
        """Notes that one task waits for another one."""
        if self._count < EDGES_MAX and not odd.is_done(task):
            self._count += 1
            self.by_awaiter.setdefault(id(awaiter), (awaiter, []))[1].append(task)


def waits_now(awaiter: Any, task: Any, innermost: str) -> bool:
    """Whether an edge is still true: 3.14 keeps some of waits that are over (gh-157213).

    Args:
        innermost: the name of the innermost function of the awaiter's stack.
    """
    waiter = odd.waiter(awaiter)
    if waiter is None:
        return False
    if waiter is task or innermost in _WAITS:
        return True
    return any(child is task for child in _several(waiter, "_children")) or any(
        future is waiter for future in _several(task, "_asyncio_awaited_by")
    )
