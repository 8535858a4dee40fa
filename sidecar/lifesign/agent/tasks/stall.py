"""Evidence of a stall: what the thread of an event loop does while its loop does not turn."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from lifesign.agent.harmless import harmless
from lifesign.agent.native import sleep
from lifesign.agent.slots import Beating
from lifesign.agent.tasks.parked import is_parked
from lifesign.agent.tasks.threads.look import ThreadLook
from lifesign.agent.tasks.walk import thread_stack

if TYPE_CHECKING:
    from lifesign.wire.records import Stall

_LOOK_SECONDS = 0.05  # long enough to see whether the thread computes


def stall(
    slot: int, beating: Beating, tasks: Sequence[Any] = (), loops: Mapping[int, Any] | None = None
) -> Stall | None:
    """The stack of the loop's thread, and whether it uses the processor; None when the thread is gone.

    Args:
        tasks: of all loops, to find those that wait for this one.
        loops: every event loop by the thread that it runs in.
    """
    busy = _is_busy(beating.native_thread)
    stack = thread_stack(sys._current_frames().get(beating.thread))
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
    return made


def _is_busy(native_thread: int) -> bool | None:
    before = _cpu_ns(native_thread)
    started = time.monotonic_ns()
    sleep(_LOOK_SECONDS)
    after = _cpu_ns(native_thread)
    if before is None or after is None:
        return None
    return after - before > (time.monotonic_ns() - started) / 10


def _cpu_ns(native_thread: int) -> int | None:
    # Not pthread_getcpuclockid: handed a thread that has just ended it takes the process down.
    try:
        with open(f"/proc/self/task/{native_thread}/schedstat", "rb") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
