"""Task dumps: all tasks, grouped by identical await stack, taken from the watchdog's thread.

Grouping goes by code objects alone; only a few samples of each group have their frames touched,
because on 3.11 and newer a touched frame costs memory for good. The walk pauses often, so that the
loop keeps running while 100,000 tasks are looked at. No local, argument or repr of a user's object is
read.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from functools import partial
from types import CodeType, FrameType
from typing import Any, Callable, Iterator

from lifesign.agent.identity import new_span_id
from lifesign.wire.records import Frame, TaskDump, TaskGroup
from lifesign.wire.writer import LaneWriter

SLICE = 50  # tasks between two pauses
PAUSE_SECONDS = 0.002
GROUPS_MAX = 50
NAMES_MAX = 5
DEPTH_MAX = 100  # of a stack that is walked
FRAMES_MAX = 40  # of a stack that is written: its outer and inner ends
_TEXT_CHARACTERS = 200

# A coroutine, a generator and an async generator name their code, their frame and what they wait
# for differently.
_KINDS = (
    ("cr_code", "cr_frame", "cr_await"),
    ("gi_code", "gi_frame", "gi_yieldfrom"),
    ("ag_code", "ag_frame", "ag_await"),
)
_BRIDGES = frozenset(("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"))


class _Group:
    """Tasks with one chain of code objects. `codes` keeps the ids of the chain from being reused."""

    def __init__(self, codes: tuple[CodeType, ...], sample: Any) -> None:
        self.codes = codes
        self.count = 0
        self.sample = sample
        self.names: list[str] = []


class Tasks:
    """The tasks of some event loops, seen from outside their threads.

    Args:
        loops: gives the loops that run now.
    """

    def __init__(self, loops: Callable[[], list[asyncio.AbstractEventLoop]]) -> None:
        self._loops = loops
        self._next_count = 0.0
        self._count = 0

    def count(self) -> int:
        """How many there are; asked at every beat, so counted no oftener than it is cheap."""
        started = time.monotonic()
        if started >= self._next_count:
            self._count = len(self._all())
            self._next_count = started + 100 * (time.monotonic() - started)  # one per cent of a core at most
        return self._count

    def dump(self, ring: LaneWriter, reason: str, request: int, beat: Callable[[], None]) -> None:
        """Writes one record a group, biggest first, and a summary to `ring`.

        Args:
            reason: why, in a word or two.
            request: the count of the request that this answers; 0 for none.
            beat: called between slices, so that a long walk does not look like a watchdog that stopped.
        """
        started = time.time_ns()
        groups: dict[tuple[int, ...], _Group] = {}
        total = 0
        for looked, task in enumerate(self._all(), 1):
            if looked % SLICE == 0:
                beat()
                time.sleep(PAUSE_SECONDS)
            if task.done():
                continue
            total += 1
            codes = tuple(code for code, _ in _chain(_coroutine(task)))
            group = groups.setdefault(tuple(map(id, codes)), _Group(codes, task))
            group.count += 1
            if len(group.names) < NAMES_MAX:
                group.names.append(_name(task))
        ranked = sorted(groups.values(), key=lambda group: -group.count)
        identifier = new_span_id()
        # The groups first: whoever sees the summary of a request has the whole dump.
        for index, group in enumerate(ranked[:GROUPS_MAX]):
            ring.append(_record(identifier, index, group))
        summary: TaskDump = {
            "kind": "task_dump",
            "id": identifier,
            "reason": reason,
            "request": request,
            "start": started,
            "end": time.time_ns(),
            "tasks": total,
            "groups": len(ranked),
            "omitted": max(0, len(ranked) - GROUPS_MAX),
        }
        ring.append(summary)

    def _all(self) -> list[Any]:
        """Every task; below 3.14 done ones that somebody still refers to may be among them."""
        if sys.version_info >= (3, 14):
            return [task for loop in self._loops() for task in asyncio.all_tasks(loop)]
        registry = getattr(asyncio.tasks, "_scheduled_tasks", None)  # 3.12 and 3.13
        if registry is None:
            registry = asyncio.tasks._all_tasks  # type: ignore[attr-defined]
        # list() of the set of references is one step under the GIL; iterating the WeakSet is not.
        found = [reference() for reference in list(registry.data)]
        found += list(getattr(asyncio.tasks, "_eager_tasks", ()))
        return [task for task in found if task is not None]


def _record(identifier: str, index: int, group: _Group) -> TaskGroup:
    return {
        "kind": "task_group",
        "dump": identifier,
        "index": index,
        "count": group.count,
        "stack": _frames(group.sample),
        "names": group.names,
        "waits_for": _waits_for(group.sample),
        "at": time.time_ns(),
    }


def _coroutine(task: Any) -> Any:
    get = getattr(task, "get_coro", None)
    return get() if get is not None else None


def _name(task: Any) -> str:
    get = getattr(task, "get_name", None)
    return str(get())[:_TEXT_CHARACTERS] if get is not None else type(task).__name__


def _chain(awaitable: Any) -> Iterator[tuple[CodeType, Callable[[], FrameType | None]]]:
    """The code objects of an await stack from the task's own coroutine inwards, each with a way to its frame."""
    for _ in range(DEPTH_MAX):
        found = _parts(awaitable)
        if found is None:
            return
        code, frame, awaitable = found
        yield code, frame


def _parts(awaitable: Any) -> tuple[CodeType, Callable[[], FrameType | None], Any] | None:
    for code, frame, inner in _KINDS:
        found = getattr(awaitable, code, None)
        if isinstance(found, CodeType):
            return found, partial(getattr, awaitable, frame, None), getattr(awaitable, inner, None)
    if type(awaitable).__name__ in _BRIDGES and type(awaitable).__module__ == "builtins":
        # These C types say nothing of what they drive; the collector knows what they refer to.
        for referent in gc.get_referents(awaitable):
            found_inside = _parts(referent)
            if found_inside is not None:
                return found_inside
    return None


def _frames(task: Any) -> list[Frame]:
    stack: list[Frame] = []
    for code, get_frame in _chain(_coroutine(task)):
        frame = get_frame()
        line = frame.f_lineno if frame is not None and frame.f_lineno else code.co_firstlineno
        name = getattr(code, "co_qualname", code.co_name)
        stack.append({"function": name[:_TEXT_CHARACTERS], "file": code.co_filename[-_TEXT_CHARACTERS:], "line": line})
    if len(stack) > FRAMES_MAX:
        outer, inner = stack[: FRAMES_MAX // 2], stack[-(FRAMES_MAX // 2) :]
        stack = [*outer, {"function": f"... {len(stack) - FRAMES_MAX} frames ...", "file": "", "line": 0}, *inner]
    return stack


def _waits_for(task: Any) -> str:
    """The kind of thing that the task waits for, by the name of its type."""
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return "its turn"
    if isinstance(waiter, asyncio.Task):
        return f"task {_name(waiter)}"
    return type(waiter).__name__
