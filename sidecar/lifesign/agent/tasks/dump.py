"""Task dumps: all tasks, grouped by the lines they wait at, taken from the watchdog's thread.

No local, argument or repr of a user's object is written; only names of types and functions, places in code, and counts.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from lifesign.agent.identity import new_span_id
from lifesign.agent.price import Price
from lifesign.agent.system.descriptors import open_files
from lifesign.agent.tasks import creation, odd
from lifesign.agent.tasks.frames import current_frames
from lifesign.agent.tasks.groups import Codes, Lines, WaitGroup, ranked
from lifesign.agent.tasks.growth.growth import Growth
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.population import Population, Some, TaskCount
from lifesign.agent.tasks.survey import Survey
from lifesign.agent.tasks.threads.holding import handed_behind
from lifesign.agent.tasks.threads.records import Threads, stuck_threads
from lifesign.agent.tasks.waiting.ages import Ages
from lifesign.agent.tasks.waiting.deadlock import Node
from lifesign.agent.tasks.waiting.primitives import Primitive, Primitives, own_place, record, shape_of
from lifesign.agent.tasks.waiting.waits import unshielded, waits_for_executor
from lifesign.agent.tasks.walk import await_stack, links, running_stack
from lifesign.wire.lane import LaneWriter

if TYPE_CHECKING:
    from lifesign.agent.tasks.pace import Aside
    from lifesign.wire.frames import Frame
    from lifesign.wire.records import RingStep, TaskDump, TaskGroup

GROUPS_MAX = 50
SEARCH_SECONDS = 15.0  # between two searches for a deadlock that nobody asked for
SEARCH_PRICE = 500  # a pause between two is at least so many times what a search costs
SEARCH_TASKS_MAX = 20_000
TASK_NS = 5_000  # that a search takes for a task, about
THREADS_MAX, SOME_THREADS = 20, 5  # groups of threads that are written
_WAITS_FOR = {"_wait": "tasks (asyncio.wait)"}  # by the name of the innermost coroutine
RING_MAX = 20  # steps of a ring that are written


class Shape:
    """The content by which two dumps are the same: groups, by code and lines, each with its
    index and count, the primitives with their holders, and what groups have caught.

    `codes` keeps the ids in it from being reused.
    """

    def __init__(
        self, groups: dict[tuple[Codes, Lines], tuple[int, int]], primitives: frozenset[Any], codes: list[Any]
    ) -> None:
        self.groups = groups
        self.primitives = primitives
        self.codes = codes

    def shows_the_same_as(self, other: Shape) -> bool:
        return self.groups.keys() == other.groups.keys() and self.primitives == other.primitives

    def counts_in_the_order_of(self, other: Shape) -> list[int]:
        """How many tasks there are now in each group of the other one, by its index there."""
        return [self.groups[key][1] for key, _ in sorted(other.groups.items(), key=lambda item: item[1])]


class Tasks:
    """The task dumps of this process.

    Args:
        loops: gives the loops that run now.
        by_thread: gives the same, each by the number of its thread.
        search_seconds: between two searches for a deadlock that nobody asked for; SEARCH_SECONDS by default.
        aside: see `Pace` and `Population`.
    """

    def __init__(
        self,
        loops: Callable[[], list[asyncio.AbstractEventLoop]],
        by_thread: Callable[[], dict[int, asyncio.AbstractEventLoop]] = dict,
        search_seconds: float | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._loops = loops
        self._by_thread = by_thread
        self._population = Population(loops, aside)
        self._aside = aside
        self._last = Shape({}, frozenset(), [])  # of the newest dump that was written in full
        self._last_id = ""
        self._ages = Ages()
        self._search_seconds = search_seconds
        self._price = Price(SEARCH_PRICE)
        self._next_search = time.monotonic() + self._pause()
        self.stuck: frozenset[int] = frozenset()  # ids of the tasks and threads in deadlocks, when last searched for
        self._growth = Growth()
        self._still = False  # nothing had moved for a while, when it was last looked at

    def count(self) -> TaskCount:
        """How many tasks there are."""
        return self._population.count()

    def search(self, beat: Callable[[], None]) -> str:
        """Looks now and then who is in a deadlock, and for how long tasks wait; the reason for a dump, if any.

        It takes no more than a five-hundredth of a core, and is left out where there are so many tasks that it would
        keep the watchdog from looking after the loops.
        """
        if time.monotonic() < self._next_search or self.count().unfinished > SEARCH_TASKS_MAX:
            return ""
        used = time.thread_time_ns()
        pace = Pace(beat, sum(self.count()), self._aside)
        survey = Survey(self._population, pace, self._ages)
        tasks = (id(node.task) for nodes in survey.rings for node in nodes)
        before, self.stuck = self.stuck, frozenset((*tasks, *stuck_threads(self._by_thread())))
        was_still, self._still = self._still, survey.primitives.some_may_hang() and survey.still() is not None
        too_much = self._growth.reason(survey.groups, self._loops(), pace)
        rest = self._price.rest(time.thread_time_ns() - used, TASK_NS * survey.total)
        self._next_search = time.monotonic() + max(self._pause(), rest / 1e9)
        survey.let_go()
        return "deadlock" if self.stuck != before else too_much or ("no progress" if self._still != was_still else "")

    def _pause(self) -> float:
        return SEARCH_SECONDS if self._search_seconds is None else self._search_seconds

    def _running(self, task: Any) -> list[Frame]:
        """The stack of a task that runs: it has no frames that are suspended, its thread has them."""
        loop = odd.call(task, "get_loop")
        thread = next((number for number, its in self._by_thread().items() if its is loop), None)
        return [] if thread is None else running_stack(task, current_frames().get(thread))

    def each(self) -> Iterator[Any]:
        """Every task of every loop."""
        return self._population.each()

    def dump(self, ring: LaneWriter, reason: str, request: int, beat: Callable[[], None], *, whole: bool) -> None:
        """Writes one record per group, biggest first, one per primitive, and a summary to `ring`.

        Args:
            reason: why, in a word or two.
            request: the count of the request that this answers; 0 for none.
            beat: called between slices of the walk.
            whole: write the groups even if the newest dump had the same ones.
        """
        started, fewest = time.time_ns(), self._population.take_fewest()
        pace = Pace(beat, sum(self.count()), self._aside)
        survey = Survey(self._population, pace, self._ages)
        groups = ranked(survey.groups)
        for group in groups[:GROUPS_MAX]:
            survey.look_closer(group)
        primitives = survey.primitives.ranked(
            [node.primitive for nodes in survey.rings for node in nodes if node.primitive is not None], pace
        )
        pace.rest()
        threads = Threads(self._by_thread(), self._population.each)
        shape = _shape(survey, primitives)
        same = not whole and bool(groups) and shape.shows_the_same_as(self._last)
        identifier = new_span_id()
        if not same:
            # The groups first: whoever sees the summary has the whole dump.
            indexes = {id(group): group.index for group in groups[:GROUPS_MAX]}
            for group in groups[:GROUPS_MAX]:
                pace.look()
                running = self._running(group.sample) if "running" in group.states else []
                ring.append(_group(identifier, group, indexes, survey.primitives, running))
            for primitive in primitives:
                pace.look()
                ring.append(record(identifier, primitive, indexes))
        threads.write(ring, identifier, most=SOME_THREADS if same else THREADS_MAX)  # they are not what is the same
        numbers = {id(primitive.thing): primitive.index for primitive in primitives}
        summary: TaskDump = {
            "kind": "task_dump",
            "id": identifier,
            "reason": reason,
            "request": request,
            "start": started,
            "end": time.time_ns(),
            "tasks": survey.total,
            "fewest": fewest,
            "groups": len(groups),
            "omitted": max(0, len(groups) - GROUPS_MAX),
            "same_as": self._last_id if same else None,
            "counts": shape.counts_in_the_order_of(self._last)[:GROUPS_MAX] if same else [],
            "cycles": [[odd.name(node.task) for node in nodes[:RING_MAX]] for nodes in survey.rings],
            "rings": [[_step(node, numbers) for node in nodes[:RING_MAX]] for nodes in survey.rings],
            "finished": survey.finished.most(),
            "thread_rings": threads.rings,
            "threads": threads.count,
            "threads_looked": threads.looked,
            "still": survey.still(),
            "files": open_files(),
            "backlogs": self._growth.growing(groups, self._loops(), pace),
        }
        ring.append(summary)
        if not same:
            self._last, self._last_id = shape, identifier
        survey.let_go()


def groups_of(tasks: Sequence[Any], loop: asyncio.AbstractEventLoop) -> list[TaskGroup]:
    """Groups of just these tasks, of a loop that does not run now, biggest first."""
    survey = Survey(Some(tasks, loop), Pace(lambda: None, 0), Ages())
    groups = ranked(survey.groups)[:GROUPS_MAX]
    for group in groups:
        survey.look_closer(group)
    made = [_group("", group, {}, survey.primitives, []) for group in groups]
    survey.let_go()
    return made


def _shape(survey: Survey, primitives: list[Primitive]) -> Shape:
    groups = {
        (family.key, lines): (group.index, group.count)
        for family in survey.families
        for lines, group in family.groups.items()
    }
    caught = {
        (lines, group.cancelled, *(error["type"] for error in group.errors))
        for family in survey.families
        for lines, group in family.groups.items()
        if group.cancelled or group.errors
    }
    codes = [family.codes for family in survey.families]
    return Shape(groups, frozenset(map(shape_of, primitives)) | caught, codes)


def _step(node: Node, numbers: dict[int, int]) -> RingStep:
    stack = links(node.task)
    return {
        "task": odd.name(node.task),
        "primitive": None if node.primitive is None else numbers.get(node.primitive),
        "at": own_place(stack),
    }


def _group(
    identifier: str, group: WaitGroup, indexes: dict[int, int], primitives: Primitives, running: list[Frame]
) -> TaskGroup:
    trace, span = group.span or (None, None)
    return {
        "kind": "task_group",
        "dump": identifier,
        "index": group.index,
        "count": group.count,
        "looked": group.looked,
        "stack": running or await_stack(group.sample),
        "names": group.names,
        "states": group.states,
        "waits_for": _waits_for(group, primitives),
        "awaits": [
            {"group": indexes[other], "count": count} for other, count in group.awaits.items() if other in indexes
        ],
        "waited_most": group.waited_most,
        "waited_least": group.waited_least,
        "time_left": group.time_left,
        "keeps_the_loop": group.keeps_the_loop,
        "cancelled": group.cancelled,
        "errors": group.errors,
        "oldest": group.oldest,
        "newest": group.newest,
        "origin": creation.origin_stack(group.sample),
        "trace": trace,
        "span": span,
        "at": time.time_ns(),
    }


def _waits_for(group: WaitGroup, primitives: Primitives) -> str:
    """What the tasks of a group wait for, as one says it: a noun with its state."""
    if group.states.keys() == {"running"}:
        return "nothing: it runs"
    waiter = odd.waiter(group.sample)
    if group.waits:
        (how, thing), _ = max(group.waits.items(), key=lambda item: item[1])
        return primitives.described(thing, how, len(group.waits))
    if waiter is None:
        return "its turn"
    behind = unshielded(waiter)
    shield = "" if behind is waiter else "a shield around "
    if odd.is_task(behind):
        return f"{shield}task {odd.name(behind)}"
    if odd.type_name(behind) == "_GatheringFuture":
        return f"{shield}gather"
    if waits_for_executor(behind):
        return handed_behind(behind) or "a job in an executor"
    stack = links(group.sample)
    if stack and stack[-1].in_library and stack[-1].code.co_name != "__await__":
        return _WAITS_FOR.get(stack[-1].code.co_name, stack[-1].code.co_name)
    return odd.type_name(waiter)
