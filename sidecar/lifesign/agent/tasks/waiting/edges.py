"""Who waits for whom among tasks, as the one who waits knows it: directly, through ``gather``, ``wait`` or a group.

Python 3.14 also notes at each task who awaits it, but keeps some of these notes when the wait is over (gh-157213).
"""

from __future__ import annotations

import asyncio
import gc
import sys
from types import CellType
from typing import Any, Callable, Iterable, Iterator, Sequence

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.waiting.blocks import objects
from lifesign.agent.tasks.walk import Link

EDGES_MAX = 200_000  # what a walk holds of them
_ONCE_MAX = 10_000
_SEVERAL = (set, frozenset, list, tuple)
_GROUP = "TaskGroup"
_ITERATORS = ("list_iterator", "tuple_iterator", "set_iterator", "dict_valueiterator", "dict_itemiterator")
_ITERATED = (list, tuple) if sys.version_info >= (3, 15) else ()  # a loop over one needs no iterator any more


def awaited(
    waiter: Any, collective: Sequence[Any] = (), step: Callable[[], object] = int
) -> tuple[tuple[Any, ...], bool]:
    """The unfinished tasks that a task waits for, and whether nothing else can let it go on.

    Args:
        waiter: the future that the task is suspended at.
        collective: what the function refers to that waits for several futures; see `waits.Look`.
        step: called for each of them, of which there may be very many.
    """
    if odd.is_task(waiter):
        return (waiter,), True
    tasks: list[Any] = []
    only = True
    for future in together(waiter, collective):
        step()
        if not odd.is_done(future):
            if odd.is_task(future):
                tasks.append(future)
            else:
                only = False
    return tuple(tasks), only


def together(waiter: Any, collective: Sequence[Any]) -> Iterator[Any]:
    """All futures that are waited for together, those that are done among them: each once, of some thousand."""
    seen: set[int] = set()
    for future in _together(waiter, collective):
        if id(future) not in seen:
            if len(seen) < _ONCE_MAX:
                seen.add(id(future))
            yield future


def _together(waiter: Any, collective: Sequence[Any]) -> Iterator[Any]:
    yield from _members(waiter)
    for one in collective:
        if odd.is_one_of(one, _SEVERAL):
            yield from filter(_is_future, list(one))
        elif odd.type_name(one) == _GROUP:
            yield from group_tasks(one)
        elif one is not waiter and _is_future(one):
            yield from _members(one) or (one,)


def in_turn(waiter: Any, stack: Sequence[Link]) -> Iterator[Any]:
    """The futures that the user's code awaits one after the other, in a loop over them or over ``as_completed``."""
    for link in stack:
        for one in () if link.in_library else objects(link.awaitable):
            name = odd.type_name(one)
            iterated = gc.get_referents(one) if name in _ITERATORS else (one,) if type(one) in _ITERATED else ()
            for several in iterated:
                members = list(several.values()) if type(several) is dict else _listed(several)
                if any(member is waiter for member in members):
                    yield from members
            if name == "_AsCompletedIterator" or odd.read(one, "__name__") == "as_completed":
                queues = [odd.read(one, "_done")]  # up to 3.12 in the cells of a generator
                queues += [odd.read(cell, "cell_contents") for cell in objects(one) if type(cell) is CellType]
                yield from (future for queue in queues for future in list(odd.read(queue, "_queue") or ()))


def group_tasks(thing: Any) -> Iterable[Any]:
    """The unfinished tasks of a task group, of asyncio's or of anyio's; nothing for anything else."""
    return _listed(odd.read(thing, "_tasks")) if odd.type_name(thing) == _GROUP else ()


def _members(future: Any) -> Sequence[Any]:
    """The futures that were gathered in this one."""
    return _listed(odd.read(future, "_children")) if odd.type_name(future) == "_GatheringFuture" else ()


def _listed(found: Any) -> Sequence[Any]:
    return list(found) if odd.is_one_of(found, _SEVERAL) else ()


def _is_future(one: Any) -> bool:
    return issubclass(type(one), asyncio.Future)


class Edges:
    """The edges found on one walk."""

    def __init__(self) -> None:
        self._all: list[tuple[Any, tuple[Any, ...]]] = []
        self._count = 0

    def add(self, group: Any, tasks: tuple[Any, ...]) -> None:
        """Notes whom one of the tasks of a group waits for."""
        if self._count + len(tasks) <= EDGES_MAX:
            self._count += len(tasks)
            self._all.append((group, tasks))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """The group of each task, with one that it waits for."""
        for group, tasks in self._all:
            for other in tasks:
                yield group, other

    def let_go(self, pace: Pace) -> None:
        """Refers to none of the tasks any more."""
        pace.empty(self._all)
