"""Whether a loop that does not turn is parked: its thread merely waits, in a library's code, and nobody waits for it.

A library may run a loop in a thread of its own and wait there for work, with a call that blocks. What counts is that
nothing else is to be done in that loop. Loops that do not show this, as uvloop's, are taken to be in use.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Iterable

from lifesign.agent.harmless import harmless
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame

_TASKS_MAX = 10_000  # that are looked at
_LOOP_FRAMES = ("run_forever", "_run_once")


def is_parked(loop: Any, thread: int, stack: list[Frame], tasks: Iterable[Any]) -> bool:
    """Whether nothing is lost while the loop does not turn.

    Args:
        thread: the one that the loop runs in.
        stack: of that thread, outermost frame first.
        tasks: of all loops.
    """
    with harmless:
        return thread != threading.main_thread().ident and _is_in_library(stack) and not _has_work(loop, tasks)
    return False


def _is_in_library(stack: list[Frame]) -> bool:
    """Whether no frame that the loop has called is the user's own code."""
    turns = [index for index, frame in enumerate(stack) if frame["function"].rpartition(".")[2] in _LOOP_FRAMES]
    called = stack[turns[-1] + 1 :] if turns else stack
    return bool(called) and all(is_library(frame["file"]) for frame in called)


def _has_work(loop: Any, tasks: Iterable[Any]) -> bool:
    """Whether a callback, a timer, a socket or another task waits for the loop; True where that cannot be seen."""
    ready, timers, selector = (getattr(loop, name, None) for name in ("_ready", "_scheduled", "_selector"))
    if ready is None or timers is None or selector is None:
        return True
    if any(not _is_ours(handle) for handle in [*list(ready), *list(timers)]):
        return True
    if len(selector.get_map() or ()) > 1:  # more than the pipe that wakes it up
        return True
    current = asyncio.current_task(loop)
    for seen, task in enumerate(tasks):
        if seen >= _TASKS_MAX or (task is not current and task.get_loop() is loop and not task.done()):
            return True
    return False


def _is_ours(handle: Any) -> bool:
    if handle.cancelled():
        return True
    return str(getattr(getattr(handle, "_callback", None), "__module__", "")).startswith("lifesign.")
