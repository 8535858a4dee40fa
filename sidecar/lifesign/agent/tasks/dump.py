"""Task dumps: all tasks, grouped by identical await stack, taken from the watchdog's thread.

Grouping goes by code objects alone; only a sample of each group has its frames touched. No local,
argument or repr of a user's object is read.
"""

from __future__ import annotations

import asyncio
import sys
import time
from types import CodeType
from typing import TYPE_CHECKING, Any, Callable, Iterator

from lifesign.agent.identity import new_span_id
from lifesign.agent.tasks import creation
from lifesign.agent.tasks.appspan import app_span
from lifesign.agent.tasks.edges import Edges
from lifesign.agent.tasks.finished import ended
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.walk import await_stack, chain, key, name, waits_for
from lifesign.wire.writer import LaneWriter

if TYPE_CHECKING:
    from lifesign.wire.records import TaskDump, TaskGroup

GROUPS_MAX = 50
NAMES_MAX = 5
SPANS_MAX = 20  # tasks of a group that are asked for a span before it is said to have none

Key = tuple[int, ...]  # ids of the code objects of an await stack


class _Group:
    """Tasks with one chain of code objects. `codes` keeps the ids in the key from being reused."""

    def __init__(self, codes: tuple[CodeType, ...], sample: Any) -> None:
        self.codes = codes
        self.sample = sample
        self.count = 0
        self.index = 0
        self.names: list[str] = []
        self.states: dict[str, int] = {}
        self.oldest: float | None = None
        self.newest: float | None = None
        self.span: tuple[str, str] | None = None
        self.awaits: dict[Key, int] = {}


class Tasks:
    """The tasks of some event loops, seen from outside their threads.

    Args:
        loops: gives the loops that run now.
    """

    def __init__(self, loops: Callable[[], list[asyncio.AbstractEventLoop]]) -> None:
        self._loops = loops
        self._next_count = 0.0
        self._count = 0
        self._last: dict[Key, _Group] = {}  # the newest dump that was written in full
        self._last_id = ""

    def count(self) -> int:
        """How many there are; asked at every beat, so counted no oftener than it is cheap."""
        started = time.monotonic()
        if started >= self._next_count:
            self._count = self._quick_count()
            self._next_count = started + 100 * (time.monotonic() - started)  # one per cent of a core at most
        return self._count

    def dump(self, ring: LaneWriter, reason: str, request: int, beat: Callable[[], None], *, whole: bool) -> None:
        """Writes one record a group, biggest first, and a summary to `ring`.

        Args:
            reason: why, in a word or two.
            request: the count of the request that this answers; 0 for none.
            beat: called between slices of the walk.
            whole: write the groups even where the newest dump had the same ones.
        """
        started = time.time_ns()
        pace = Pace(beat, self.count())
        edges = Edges()
        groups, total, done = self._walk(pace, edges)
        ranked = sorted(groups.values(), key=lambda group: -group.count)
        same = not whole and bool(ranked) and groups.keys() == self._last.keys()
        identifier = new_span_id()
        if not same:
            for index, group in enumerate(ranked):
                group.index = index
            self._connect(groups, edges, pace)
            # The groups first: whoever sees the summary has the whole dump.
            for group in ranked[:GROUPS_MAX]:
                pace.step()
                ring.append(_record(identifier, group, groups))
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
            "same_as": self._last_id if same else None,
            "counts": self._counts_like_last(groups) if same else [],
            "cycles": edges.cycles(pace),
            "finished": ended({id(task): task for task in (*done, *list(creation.finished))}.values()),
        }
        ring.append(summary)
        if not same:
            self._last, self._last_id = groups, identifier
            for group in ranked:
                group.sample = None  # we must not be what keeps a task alive

    def _walk(self, pace: Pace, edges: Edges) -> tuple[dict[Key, _Group], int, list[Any]]:
        groups: dict[Key, _Group] = {}
        total = 0
        done: list[Any] = []
        running = {id(task) for task in self._running()}
        now = time.monotonic()
        for task in self._each():
            pace.step()
            if task.done():
                if len(done) < creation.FINISHED_MAX:
                    done.append(task)
                continue
            total += 1
            stack = key(task)
            group = groups.get(stack)
            if group is None:
                group = groups[stack] = _Group(tuple(code for code, _ in chain(task)), task)
            _count_in(group, task, now, is_running=id(task) in running)
            edges.look(task)
        return groups, total, done

    def _connect(self, groups: dict[Key, _Group], edges: Edges, pace: Pace) -> None:
        """Edges between tasks become edges between their groups."""
        for awaiter, others in edges.by_awaiter.values():
            group = groups.get(key(awaiter))
            for other in others:
                pace.step()
                stack = key(other)
                if group is not None and stack in groups:
                    group.awaits[stack] = group.awaits.get(stack, 0) + 1

    def _counts_like_last(self, groups: dict[Key, _Group]) -> list[int]:
        by_index = sorted(self._last.items(), key=lambda item: item[1].index)
        return [groups[key].count for key, _ in by_index[:GROUPS_MAX]]

    def _running(self) -> list[Any]:
        return [task for task in (asyncio.current_task(loop) for loop in self._loops()) if task is not None]

    def _quick_count(self) -> int:
        if _KNOWN_BY_LOOP:
            return sum(len(asyncio.all_tasks(loop)) for loop in self._loops())
        return len(_registry().data) + len(_eager())

    def _each(self) -> Iterator[Any]:
        """Every task; below 3.14 done ones that somebody still refers to may be among them."""
        if _KNOWN_BY_LOOP:
            for loop in self._loops():
                yield from asyncio.all_tasks(loop)
            return
        # list() of the set of references is one step under the GIL; iterating the WeakSet is not.
        for reference in list(_registry().data):
            task = reference()
            if task is not None:
                yield task
        yield from list(_eager())


_KNOWN_BY_LOOP = sys.version_info >= (3, 14)  # from there on most tasks are in no registry


def _registry() -> Any:
    scheduled = getattr(asyncio.tasks, "_scheduled_tasks", None)  # 3.12 and 3.13
    return asyncio.tasks._all_tasks if scheduled is None else scheduled  # type: ignore[attr-defined]


def _eager() -> Any:
    return getattr(asyncio.tasks, "_eager_tasks", ())


def _count_in(group: _Group, task: Any, now: float, *, is_running: bool) -> None:
    group.count += 1
    if len(group.names) < NAMES_MAX:
        group.names.append(name(task))
    idle = "ready" if getattr(task, "_fut_waiter", None) is None else "waiting"
    state = "running" if is_running else idle
    group.states[state] = group.states.get(state, 0) + 1
    age = creation.age(task, now)
    if age is not None:
        group.oldest = age if group.oldest is None else max(group.oldest, age)
        group.newest = age if group.newest is None else min(group.newest, age)
    if group.span is None and group.count <= SPANS_MAX:
        group.span = app_span(task)


def _record(identifier: str, group: _Group, groups: dict[Key, _Group]) -> TaskGroup:
    trace, span = group.span or (None, None)
    return {
        "kind": "task_group",
        "dump": identifier,
        "index": group.index,
        "count": group.count,
        "stack": await_stack(group.sample),
        "names": group.names,
        "states": group.states,
        "waits_for": waits_for(group.sample),
        "awaits": [{"group": groups[key].index, "count": count} for key, count in group.awaits.items()],
        "oldest": group.oldest,
        "newest": group.newest,
        "origin": creation.origin_stack(group.sample),
        "trace": trace,
        "span": span,
        "at": time.time_ns(),
    }
