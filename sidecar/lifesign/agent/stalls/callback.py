"""Which callback an event loop runs or runs next, where no frame of the program's shows it.

A callback may be written in C, and a loop that spins gives up the GIL between two callbacks, so that whoever looks at
it sees the loop's own code nearly always.
"""

from __future__ import annotations

import asyncio
import functools
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.walk import links, place

if TYPE_CHECKING:
    from lifesign.wire.frames import Frame

_WRAPPED_MAX = 5
_READY_MAX = 10  # that are read until one is not ours
_STEPS = ("TaskStepMethWrapper", "TaskWakeupMethWrapper")  # what loops call up to Python 3.11 to run a task


def callback(loop: Any, frame: FrameType) -> list[Frame]:
    """The callback at work, or else the next one, as frames, outermost first; empty where there is none to be seen.

    Args:
        frame: the innermost one of the loop's thread, which is in the loop's own code.
    """
    try:
        if frame.f_code.co_name == "_run":  # of a handle: what it calls has no frame of its own
            return _described(odd.read(calls.variable(frame, "self"), "_callback"))
        ready = odd.read(loop, "_ready")
        for index in range(min(len(ready), _READY_MAX)):
            found = odd.read(ready[index], "_callback")
            if found is not None and not _is_ours(found):
                return _described(found)
    except BaseException:  # noqa: BLE001, S110 - the loop goes on meanwhile, or is of a kind that is not known
        pass
    return []


def current(loop: Any) -> Any:
    """The task that the loop runs, if it does."""
    try:
        return asyncio.current_task(loop)
    except BaseException:  # noqa: BLE001 - a loop of any kind
        return None


def next_task(loop: Any) -> Any:
    """The task that the loop runs, or the first of those that it is to run next; None where none is to be seen."""
    task = current(loop)
    if task is not None:
        return task
    try:
        ready = odd.read(loop, "_ready")
        for index in range(min(len(ready), _READY_MAX)):
            found = odd.read(odd.read(ready[index], "_callback"), "__self__")
            if odd.is_task(found):
                return found
    except BaseException:  # noqa: BLE001, S110 - the loop goes on meanwhile, or is of a kind that is not known
        pass
    return None


def running(loop: Any) -> list[Frame]:
    """The await stack of the task that the loop runs, unless its code is at work right now."""
    task = current(loop)
    try:
        return [] if task is None or odd.read(odd.coroutine(task), "cr_running", "gi_running") else _coroutines(task)
    except BaseException:  # noqa: BLE001 - the loop goes on meanwhile
        return []


def _described(found: Any) -> list[Frame]:
    for _ in range(_WRAPPED_MAX):
        if type(found) is not functools.partial:
            break
        found = found.func
    if type(found) in (MethodType, BuiltinFunctionType) or type(found).__name__ in _STEPS:
        task = odd.read(found, "__self__")
        if odd.is_task(task):
            return _coroutines(task)
    if type(found) is MethodType:
        found = found.__func__
    if type(found) is FunctionType:
        return [place(found.__code__, None)]
    named = odd.text(odd.read(found, "__qualname__")) if type(found) is BuiltinFunctionType else odd.type_name(found)
    return [] if found is None else [{"function": named, "file": "", "line": 0}]


def _coroutines(task: Any) -> list[Frame]:
    stack: list[Frame] = []
    for link in links(task):
        frame = link.frame
        stack.append(place(link.code, None if frame is None else frame.f_lineno))
    return stack or [{"function": odd.type_name(odd.coroutine(task)), "file": "", "line": 0}]


def _is_ours(found: Any) -> bool:
    return type(found) is MethodType and str(found.__func__.__module__).startswith("lifesign.")
