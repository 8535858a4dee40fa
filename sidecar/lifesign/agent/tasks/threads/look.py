"""All the threads of the process at one moment: where they stand, what they wait for, and who waits for whom."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any, Iterable

from lifesign.agent.native import get_ident, sleep
from lifesign.agent.tasks.frames import current_frames, handled_by
from lifesign.agent.tasks.odd import native_id, read, text
from lifesign.agent.tasks.threads.holding import TASKS_MAX, Hold, Holders, outwards, stopped
from lifesign.agent.tasks.threads.jobs import job_in_c
from lifesign.agent.tasks.threads.standstill import Standstill, standstill
from lifesign.agent.tasks.threads.syscalls import system_call
from lifesign.agent.tasks.waiting.caught import as_record, is_error
from lifesign.agent.tasks.walk import place, thread_stack
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.frames import CaughtError, Frame
    from lifesign.wire.threads import ThreadGroup, ThreadWait

THREADS_MAX = 500  # that are looked at
GROUPS_MAX = 20  # that are written
NAMES_MAX = 5
CHAIN_MAX = 8  # threads of which one keeps the next waiting that are written
RINGS_MAX = 5
STILL_SECONDS = 0.02  # that threads in a ring do not run


class StandingThreads:
    """Threads that stand at the same lines; `key` tells it from others."""

    def __init__(self, key: tuple[Any, ...], threads: list[int]) -> None:
        self.key = key
        self.threads = threads


class ThreadLook:
    """The threads of this process. It keeps their frames, so do not keep it.

    Args:
        loops: the event loop that runs in a thread, by the thread's number.
        tasks: of all loops.
    """

    def __init__(self, loops: dict[int, Any], tasks: Iterable[Any]) -> None:
        self._loops = loops
        known: dict[int, Any] = dict(threading._active)  # type: ignore[attr-defined] # `enumerate` would wait for a lock
        every = _frames()
        first = [thread for thread in (*loops, threading.main_thread().ident) if thread in every]
        looked = list(dict.fromkeys((*first, *every)))[:THREADS_MAX]
        self.frames = {thread: every[thread] for thread in looked if not _is_ours(every[thread])}
        self.count = len(every) - len(looked) + len(self.frames)
        self.objects = known
        self._waits = {thread: wait for thread, frame in self.frames.items() if (wait := standstill(frame)) is not None}
        self._tasks = list(itertools.islice(tasks, TASKS_MAX)) if self._waits else []
        holders = Holders(self.frames, loops, self._tasks)
        self._holds = {thread: hold for thread, wait in self._waits.items() if (hold := holders.of(wait)) is not None}

    def name(self, thread: int) -> str:
        """The thread's name; its number where it has none."""
        name = read(self.objects.get(thread), "_name")
        return (name is not None and text(name)) or f"thread {thread}"

    def groups(self) -> list[StandingThreads]:
        """The threads by where they stand, those that run event loops and the biggest groups first."""
        found: dict[tuple[Any, ...], StandingThreads] = {}
        for thread, frame in self.frames.items():
            key = (thread in self._loops, job_in_c(frame), *((id(one.f_code), one.f_lineno) for one in outwards(frame)))
            found.setdefault(key, StandingThreads(key, [])).threads.append(thread)
        return sorted(found.values(), key=lambda group: (not group.key[0], -len(group.threads)))

    def record(self, dump: str, index: int, group: StandingThreads) -> ThreadGroup:
        """A group as it is written."""
        sample = group.threads[0]
        return {
            "kind": "thread_group",
            "dump": dump,
            "index": index,
            "count": len(group.threads),
            "names": [self.name(thread) for thread in group.threads[:NAMES_MAX]],
            "loop": sample in self._loops,
            "daemon": all(self._is_daemon(thread) for thread in group.threads),
            "stack": thread_stack(self.frames[sample]),
            "wait": self._step(sample) if sample in self._waits else None,
            "error": _error_of(sample, self.frames[sample]),
            "call": "" if sample in self._waits or sample in self._loops else self._call(sample),
            "job": job_in_c(self.frames[sample]),
            "at": time.time_ns(),
        }

    def _is_daemon(self, thread: int) -> bool:
        known = self.objects.get(thread)
        return known is None or bool(read(known, "_daemonic"))

    def _call(self, thread: int) -> str:
        """What a thread has asked the kernel for."""
        number = native_id(self.objects.get(thread))
        return "" if number is None else system_call(number)

    def chain(self, thread: int) -> list[ThreadWait]:
        """What a thread waits for, what its holder waits for in turn, and so on."""
        steps: list[ThreadWait] = []
        seen: set[int] = set()
        while thread in self._waits and thread not in seen and len(steps) < CHAIN_MAX:
            seen.add(thread)
            steps.append(self._step(thread))
            hold = self._holds.get(thread)
            if hold is None:
                break
            thread = hold.thread
        return steps

    def rings(self) -> list[list[int]]:
        """Threads of which each waits for the next and that will never continue, as far as that is certain."""
        found: list[list[int]] = []
        seen: set[int] = set()
        for start in self._waits:
            path: list[int] = []
            here: int | None = start
            while here is not None and here not in seen:
                seen.add(here)
                path.append(here)
                here = self._needs(here)
            if here in path and len(found) < RINGS_MAX:
                found.append(path[path.index(here) :])
        return [ring for ring in found if self._is_certain(ring)]

    def _is_certain(self, ring: list[int]) -> bool:
        """Whether all of them wait at the same time: what was read one by one may never have been true at once.

        So it is all read once more, and has to be the same, while none of them has run.
        """
        before = [self._turns(thread) for thread in ring]
        again = ThreadLook(self._loops, self._tasks)
        sleep(STILL_SECONDS)
        return before == [again._turns(thread) for thread in ring] and all(
            again._needs(thread) == self._needs(thread) and again._waits[thread].thing is self._waits[thread].thing
            for thread in ring
        )

    def _turns(self, thread: int) -> object:
        """What changes as a thread runs: what the kernel counts of it, or where it is in its code."""
        try:
            with open(f"/proc/self/task/{native_id(self.objects.get(thread))}/schedstat", "rb") as file:
                return file.read()
        except OSError:
            frame = self.frames.get(thread)
            return None if frame is None else (id(frame), frame.f_lasti)

    def _needs(self, thread: int) -> int | None:
        wait, hold = self._waits.get(thread), self._holds.get(thread)
        if wait is None or hold is None or wait.clock or not hold.certain:
            return None
        return hold.thread

    def steps(self, ring: list[int]) -> list[ThreadWait]:
        """A ring as it is written."""
        return [self._step(thread) for thread in ring[:CHAIN_MAX]]

    def _step(self, thread: int) -> ThreadWait:
        wait, hold = self._waits[thread], self._holds.get(thread)
        return {
            "thread": self.name(thread),
            "loop": thread in self._loops,
            "type": wait.label,
            "name": wait.name,
            "state": _state(wait, hold),
            "how": wait.how,
            "clock": wait.clock,
            "at": self._place(thread),
            "holder": None if hold is None else self.name(hold.thread),
            "task": "" if hold is None else hold.task,
            "verb": "" if hold is None else hold.verb,
            "certain": hold is not None and hold.certain,
            "place": None if hold is None or hold.task else self._place(hold.thread),
        }

    def _place(self, thread: int) -> Frame | None:
        """The innermost place of a thread in the user's own code; the innermost of all where there is none."""
        frame = self.frames.get(thread)
        if frame is None:
            return None
        own = next((one for one in outwards(frame) if not is_library(one.f_code.co_filename)), frame)
        return place(own.f_code, own.f_lineno)


def _state(wait: Standstill, hold: Hold | None) -> str:
    how = stopped(wait.thing) if wait.label == "future" and hold is None else ""
    return f"{wait.state}: its event loop {how}" if how else wait.state


def _error_of(thread: int, frame: FrameType) -> CaughtError | None:
    """What a thread handles, or the main thread has ended by while it waits for others."""
    error = handled_by(thread)
    ended = any(
        one.f_code.co_name == "_shutdown" and one.f_globals.get("__name__") == "threading" for one in outwards(frame)
    )
    if error is None and ended and thread == threading.main_thread().ident:
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return as_record(error) if error is not None and is_error(error) else None


def _frames() -> dict[int, FrameType]:
    """The innermost frame of every thread but this one, which would be part of what it finds, and kept by it."""
    found = current_frames()
    found.pop(get_ident(), None)
    return found


def _is_ours(frame: FrameType) -> bool:
    """Whether a thread was started by lifesign."""
    *_, outermost = outwards(frame)
    return str(outermost.f_globals.get("__name__")).startswith("lifesign.agent.")
