"""Who keeps a thread waiting: certain where the thing itself names its holder, likely where only frames show it."""

from __future__ import annotations

import asyncio
import itertools
from types import CodeType, FrameType, FunctionType
from typing import Any, Iterable, Iterator

from lifesign.agent.slots import ended
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.odd import read
from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.threads.standstill import HANDED_ON, IMPORT_LOCK, LOCK, Standstill, is_run_by_loop, owner
from lifesign.agent.tasks.waiting.waits import first_callbacks, look_alone
from lifesign.agent.tasks.walk import links

_FRAMES_MAX = 60  # of one thread that are read for what they hold
TASKS_MAX = 2_000  # that are read for a thread's lock that they hold
_READY_MAX = 10_000  # callbacks of a loop that are read
_HOLDS = frozenset(("__enter__", "acquire"))


class Hold:
    """Who keeps others waiting: a thread, by its number, or a task that the loop of this thread runs."""

    def __init__(self, thread: int, task: str, verb: str, certain: bool) -> None:
        self.thread = thread
        self.task = task
        self.verb = verb  # "holds", "runs", "is" or "loop"
        self.certain = certain


class Holders:
    """Answers for the threads of one moment.

    Args:
        frames: the innermost frame of each thread, by its number.
        loops: the event loop that runs in a thread, by the thread's number.
        tasks: of all loops.
    """

    def __init__(self, frames: dict[int, FrameType], loops: dict[int, Any], tasks: Iterable[Any]) -> None:
        self._frames = frames
        self._loops = loops
        self._tasks = tasks
        self._in_tasks: dict[int, list[Any]] | None = None
        self._in_threads: dict[int, int] | None = None

    def of(self, wait: Standstill) -> Hold | None:
        """Who it is, as far as can be known."""
        if wait.label == "threading.RLock":
            thread = owner(wait.thing)
            return None if thread is None else Hold(thread, "", "holds", certain=True)
        if wait.label == IMPORT_LOCK:
            thread = read(wait.thing, "owner")
            return Hold(thread, "", "holds", certain=True) if type(thread) is int else None
        if wait.label == "threading.Lock":
            return self._of_lock(wait.thing)
        if wait.label == "future":
            return self._of_future(wait.thing)
        if wait.label == "thread":
            thread = read(wait.thing, "_ident")
            return Hold(thread, "", "is", certain=True) if type(thread) is int else None
        return None

    def _of_lock(self, lock: Any) -> Hold | None:
        for task in self._tasks_with_locks().get(id(lock), ()):
            loop = odd.call(task, "get_loop")
            thread = next((one for one, its in self._loops.items() if its is loop), None)
            if thread is not None and _is_held_by(task, lock):
                return Hold(thread, odd.name(task), "holds", certain=True)
        thread = self._threads_with_locks().get(id(lock))
        return None if thread is None else Hold(thread, "", "holds", certain=False)

    def _tasks_with_locks(self) -> dict[int, list[Any]]:
        """The tasks that seem to hold a lock, by its id; read once, for all locks."""
        if self._in_tasks is None:
            self._in_tasks = {}
            for task in itertools.islice(self._tasks, TASKS_MAX):
                if odd.waiter(task) is not None:
                    for thing, _ in look_alone(links(task)).held:
                        self._in_tasks.setdefault(id(thing), []).append(task)
        return self._in_tasks

    def _threads_with_locks(self) -> dict[int, int]:
        """The first thread that is in a block of each lock, or has acquired it, by its id."""
        if self._in_threads is None:
            self._in_threads = {}
            for thread, frame in self._frames.items():
                for here in outwards(frame):
                    for names in calls.inside(here) if _names_it(here.f_code) else ():
                        thing = calls.resolve(here, names)
                        if type(thing) is LOCK:
                            self._in_threads.setdefault(id(thing), thread)
        return self._in_threads

    def _of_future(self, future: Any) -> Hold | None:
        for thread, loop in self._loops.items():
            if _waits_for_loop(future, loop):
                return Hold(thread, "", "loop", certain=True)
        for thread, frame in self._frames.items():
            for here in outwards(frame):
                if _runs(here, future):
                    return Hold(thread, "", "runs", certain=True)
        return None


def _is_held_by(task: Any, lock: Any) -> bool:
    """Whether a task that is suspended, and stays so meanwhile, is inside a block of that lock.

    From 3.14 on one that runs shows what it is only about to enter.
    """
    waiter = odd.waiter(task)
    return (
        waiter is not None
        and any(thing is lock for thing, _ in look_alone(links(task)).held)
        and waiter is odd.waiter(task)
    )


def outwards(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of a thread, innermost first."""
    for _ in range(_FRAMES_MAX):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _names_it(code: CodeType) -> bool:
    """Whether there is anything in this code that a lock could be held by."""
    return "acquire" in code.co_names or calls.has_with(code)


def _runs(frame: FrameType, future: Any) -> bool:
    """Whether this is the frame of an executor in which it does the job of that future."""
    if frame.f_code.co_name != "run" or frame.f_globals.get("__name__") != "concurrent.futures.thread":
        return False
    return read(calls.variable(frame, "self"), "future") is future


def stopped(future: Any) -> str:
    """How the loop has ended that alone can bring the result of a future; empty where it has not, and for others."""
    for loop in (reference() for reference in list(ended)):
        if loop is not None and odd.call(loop, "is_running") is False and _waits_for_loop(future, loop):
            return "is closed" if odd.call(loop, "is_closed") else "has stopped"
    return ""


def handed_behind(waiter: Any) -> str:
    """What a task waits for that is a coroutine which was handed to another loop; empty for a job of an executor."""
    for callback in first_callbacks(waiter):
        for one in _closure(callback) if read(callback, "__name__") == HANDED_ON else ():
            how = stopped(one)
            if how:
                return f"a coroutine handed to an event loop that {how}"
            if is_run_by_loop(one):
                return "a coroutine in another event loop"
    return ""


def _waits_for_loop(future: Any, loop: Any) -> bool:
    """Whether only this loop can make the future's result: of a coroutine that another thread handed to it."""
    ready = read(loop, "_ready")
    for handle in itertools.islice(list(ready) if ready is not None else (), _READY_MAX):
        callback = read(handle, "_callback")
        handed = "run_coroutine_threadsafe" in odd.text(read(callback, "__qualname__"))
        if handed and any(one is future for one in _closure(callback)):
            return True
    for callback in list(read(future, "_done_callbacks") or ()):
        if read(callback, "__name__") != HANDED_ON:
            continue  # by `wrap_future` a loop waits for this one, which is a job of something else
        for one in _closure(callback):
            if issubclass(type(one), asyncio.Future) and read(one, "_loop") is loop:
                return True
    return False


def _closure(function: Any) -> Iterator[Any]:
    """What a function of asyncio's keeps of the function around it."""
    if type(function) is FunctionType and function.__module__.startswith("asyncio."):
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it is empty
                continue
