"""Where tasks are created and how they end, if ``LIFESIGN_TASK_ORIGIN`` is on: it costs some microseconds per task.

A task factory stores six frames of the creating stack on the task itself, so they live as long as it does. The
user's coroutine is not wrapped, and an existing task factory still makes the task.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import weakref
from collections import deque
from types import CodeType
from typing import TYPE_CHECKING, Any

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.finished import TaskOutcome, outcome_of
from lifesign.agent.tasks.walk import place

if TYPE_CHECKING:
    from lifesign.wire.records import Frame

DEPTH = 6
FINISHED_MAX = 200
ATTRIBUTE = "_lifesign_origin"
_ASYNCIO = asyncio.__file__.rpartition("/")[0]


class Origin:
    """When a task was created, monotonic seconds, and from where, innermost place first."""

    __slots__ = ("created", "places")

    def __init__(self, created: float, places: tuple[tuple[CodeType, int], ...]) -> None:
        self.created = created
        self.places = places


tracked = False  # whether any task is
# Tasks that ended lately, where they are tracked, and how: nothing of ours keeps a task or its result alive.
finished: deque[tuple[weakref.ReferenceType[Any], TaskOutcome]] = deque(maxlen=FINISHED_MAX)


def _note_end(task: Any) -> None:
    with contextlib.suppress(Exception):  # the loop's exception handler is the user's
        finished.append((weakref.ref(task), outcome_of(task)))


class NamedTask(asyncio.Task):  # type: ignore[type-arg]
    """Keeps its name where it is given None for one: 3.13.0 to 3.13.2 do that to all tasks that a factory has made."""

    def set_name(self, value: object) -> None:
        if value is not None:
            super().set_name(value)


NamedTask.__name__ = NamedTask.__qualname__ = asyncio.Task.__name__  # asyncio's log has it, and so has the task's repr

_Task: Any = NamedTask if (3, 13, 0) <= sys.version_info[:3] <= (3, 13, 2) else asyncio.Task


def track(loop: asyncio.AbstractEventLoop) -> None:
    """From now on records where the tasks of this loop are created."""
    global tracked
    tracked = True
    previous: Any = loop.get_task_factory()
    if getattr(previous, "lifesign_tracks", False):
        return

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        task = previous(loop, coroutine, **options) if previous is not None else _Task(coroutine, loop=loop, **options)
        try:
            setattr(task, ATTRIBUTE, Origin(time.monotonic(), _places()))
            task.add_done_callback(_note_end)
        except Exception:  # noqa: BLE001, S110 - another factory's task may take no attribute; it is the user's
            pass
        return task

    factory.lifesign_tracks = True  # type: ignore[attr-defined]
    factory.lifesign_previous = previous  # type: ignore[attr-defined]
    loop.set_task_factory(factory)


def untrack(loop: asyncio.AbstractEventLoop) -> None:
    """The loop has the task factory again that it had, unless it was given another one meanwhile."""
    factory: Any = loop.get_task_factory()
    if getattr(factory, "lifesign_tracks", False):
        loop.set_task_factory(factory.lifesign_previous)


def _places() -> tuple[tuple[CodeType, int], ...]:
    places: list[tuple[CodeType, int]] = []
    frame = sys._getframe(2)  # whoever called create_task, past the factory
    walked: Any = frame
    while walked is not None and len(places) < DEPTH:
        if not walked.f_code.co_filename.startswith(_ASYNCIO):  # not create_task itself
            places.append((walked.f_code, walked.f_lineno))
        walked = walked.f_back
    return tuple(places)


def age(task: Any, now: float) -> float | None:
    """Seconds since the task was created; None where that is not tracked."""
    origin = odd.read(task, ATTRIBUTE)
    return max(0.0, now - origin.created) if type(origin) is Origin else None


def origin_stack(task: Any) -> list[Frame]:
    """Where the task was created, innermost place last; empty where that is not tracked."""
    origin = odd.read(task, ATTRIBUTE)
    return [place(code, line) for code, line in reversed(origin.places)] if type(origin) is Origin else []
