"""Evidence of a stall: what the thread of an event loop does while its loop does not turn.

A loop may be merely parked. A library may run one in a thread of its own and wait there for work, with a call that
blocks: then nothing else is to be done in that loop. Loops that do not show this, as uvloop's, are taken to be in use.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

from lifesign.agent.harmless import harmless
from lifesign.agent.native import sleep
from lifesign.agent.slots import Beating
from lifesign.agent.tasks.frames import current_frames
from lifesign.agent.tasks.threads.in_c import function_in_c
from lifesign.agent.tasks.threads.look import ThreadLook
from lifesign.agent.tasks.threads.syscalls import system_call
from lifesign.agent.tasks.walk import thread_stack
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, Stall

_LOOK_SECONDS = 0.05  # long enough to see whether the thread computes
_TASKS_MAX = 10_000  # that are looked at
_LOOP_FRAMES = ("run_forever", "_run_once")


def stall(
    slot: int, beating: Beating, tasks: Sequence[Any] = (), loops: Mapping[int, Any] | None = None
) -> Stall | None:
    """The stack of the loop's thread, and whether it uses the processor; None when the thread is gone.

    Args:
        tasks: of all loops, to find those that wait for this one.
        loops: every event loop by the thread that it runs in.
    """
    stood = _standing(beating.thread)
    busy = _is_busy(beating.native_thread)
    stands = _standing(beating.thread)
    stack = thread_stack(current_frames().get(beating.thread))
    if not stack:
        return None
    made: Stall = {
        "kind": "stall",
        "loop": slot,
        "since": beating.wall_ns,
        "at": time.time_ns(),
        "busy": busy,
        "stack": stack,
    }
    if busy is False and is_parked(beating.loop, beating.thread, stack, tasks):
        made["parked"] = True
    elif not busy:
        with harmless:
            look = ThreadLook(dict(loops or {beating.thread: beating.loop}), tasks)
            made["chain"] = look.chain(beating.thread)
            made["ring"] = any(beating.thread in ring for ring in look.rings())
            made["call"] = "" if made["chain"] else system_call(beating.native_thread)
            # One that runs may have come back from the call that it is at.
            if busy is False and stood == stands == _standing(beating.thread) and not is_library(stack[-1]["file"]):
                made["c_function"] = function_in_c(current_frames()[beating.thread])
    return made


def _standing(thread: int) -> tuple[int, int] | None:
    """Where it is in its code; its frame is not kept, which would keep the variables alive."""
    frame = current_frames().get(thread)
    return None if frame is None else (id(frame.f_code), frame.f_lasti)


def _is_busy(native_thread: int) -> bool | None:
    before, wanted = _time_ns(native_thread), _wants_cpu(native_thread)
    started = time.monotonic_ns()
    sleep(_LOOK_SECONDS)
    after = _time_ns(native_thread)
    if before is None or after is None:
        return None
    # On a busy machine a thread that computes may not get its turn meanwhile: it does not wait for anything else.
    used, queued = after[0] - before[0], after[1] - before[1]
    had = max(0, time.monotonic_ns() - started - queued)
    return used > had / 10 or (wanted and _wants_cpu(native_thread))


def _wants_cpu(native_thread: int) -> bool:
    """Whether it runs, or is ready to."""
    try:
        with open(f"/proc/self/task/{native_thread}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].startswith(b"R")
    except OSError:
        return False


def _time_ns(native_thread: int) -> tuple[int, int] | None:
    """For how long it has used a processor, and for how long it was ready to and got none."""
    # Not pthread_getcpuclockid: handed a thread that has just ended it takes the process down.
    try:
        with open(f"/proc/self/task/{native_thread}/schedstat", "rb") as file:
            used, queued = file.read().split()[:2]
            return int(used), int(queued)
    except (OSError, ValueError):
        return None


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
