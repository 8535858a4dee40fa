"""lifesign's own tasks in the service's loops: they are in no dump and no count, and log nothing."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import Any, Coroutine, TypeVar

T = TypeVar("T")

_tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()


def create(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """A task of ours; call it in the loop's thread."""
    # Not `loop.create_task`: a task factory is the user's, and counts or traces tasks of the user's.
    task = asyncio.Task(coroutine, loop=loop, name=name)
    _tasks.add(task)
    task.add_done_callback(_take_exception)
    # Of a loop that is closed before it begins: Python would warn that it was never awaited.
    weakref.finalize(task, coroutine.close).atexit = False
    with contextlib.suppress(AttributeError):
        task._log_destroy_pending = False  # type: ignore[attr-defined] # of a loop that is closed while it waits
    return task


def _take_exception(task: asyncio.Task[Any]) -> None:
    """Nobody may be waiting for it any more; asyncio would complain of an exception that nobody has seen."""
    if not task.cancelled():
        task.exception()


def ids() -> set[int]:
    """The ids of those that are there, finished ones too; from any thread."""
    return {id(task) for task in _alive()}


def count(*, finished: bool) -> int:
    """How many there are, with or without finished ones that somebody still refers to; from any thread."""
    return sum(finished or not task.done() for task in _alive())


def _alive() -> list[asyncio.Task[Any]]:
    # list() of the set of references is one step under the GIL; iterating the WeakSet is not.
    found = (reference() for reference in list(_tasks.data))  # type: ignore[attr-defined]
    return [task for task in found if task is not None]
