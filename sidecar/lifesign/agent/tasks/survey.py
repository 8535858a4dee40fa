"""One walk over all tasks: their groups, the primitives they wait for and hold, and who waits for whom."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from lifesign.agent.harmless import complain
from lifesign.agent.tasks import creation, odd
from lifesign.agent.tasks.finished import Finished, outcome_of
from lifesign.agent.tasks.groups import LOOKS_MAX, Codes, Family, WaitGroup
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.population import Population
from lifesign.agent.tasks.waiting import waits
from lifesign.agent.tasks.waiting.ages import Ages
from lifesign.agent.tasks.waiting.cancels import cancelled
from lifesign.agent.tasks.waiting.children import children
from lifesign.agent.tasks.waiting.deadlock import Graph, Node
from lifesign.agent.tasks.waiting.edges import KNOWS_AWAITERS, Edges, waits_now
from lifesign.agent.tasks.waiting.leaves import keeps_the_loop, leaf, time_left
from lifesign.agent.tasks.waiting.primitives import Holder, Primitives
from lifesign.agent.tasks.walk import Link, chain, key, links

_PLAIN = asyncio.Future  # what most tasks wait for: no edge between tasks comes of it
_is_done = asyncio.Task.done
STILL_SECONDS = 60.0  # after which a wait may be one that nothing will end
STACKS_MAX = 20_000  # that are walked for what they wait for and hold


class Survey:
    """The result of one walk. It keeps what it found alive, so do not keep it."""

    def __init__(self, population: Population, pace: Pace, ages: Ages) -> None:
        ages.begin()
        self._ages = ages
        self.families: dict[Codes, Family] = {}
        self.total = 0
        self.finished = Finished()
        self.primitives = Primitives()
        self.rings: list[list[Node]] = []
        self._population = population
        self._pace = pace
        self._edges = Edges()
        self._graph = Graph()
        self._groups: dict[int, WaitGroup] = {}  # by the id of a task, of those that edges lead to or from
        self._looks = 0
        self._stacks = 0
        self._walk()
        self._hold_by_generators()
        self._connect()
        self.rings = self._graph.rings(self.primitives.holders, pace)

    def look_closer(self, group: WaitGroup) -> None:
        """Finds out of one of a group's tasks what would cost too much to find out of each."""
        self._pace.step()
        task = group.sample
        try:
            stack = links(task)
            group.time_left, group.keeps_the_loop = time_left(stack), keeps_the_loop(task)
            group.cancelled = cancelled(task, stack)
            end = leaf(task, stack) if not group.waits else None
            if end is not None:
                group.waits[end.how, id(end.thing)] = 1
                self.primitives.ends_at(end, stack, id(group), group.count)
        except BaseException as error:  # noqa: BLE001 - whatever it waits for, the group is shown
            complain("what a task waits for could not be read", error)

    def still(self) -> float | None:
        """For how many seconds nothing that waits has moved, but for what a clock moves; None if something has."""
        least: float | None = None
        for family in self.families.values():
            for group in family.groups.values():
                self._pace.step()
                if (
                    group.waited_least is None
                    or group.waited_least < STILL_SECONDS
                    or group.states.keys() != {"waiting"}
                ):
                    if not waits.has_clock(links(group.sample)):
                        return None
                elif least is None or group.waited_least < least:
                    least = group.waited_least
        return least

    def _walk(self) -> None:
        running = {id(task) for task in self._population.running()}
        noted = set()
        for reference, how in list(creation.finished):
            self.finished.add(how)
            noted.add(id(reference()))
        now = time.monotonic()
        for task in self._population.each():
            self._pace.step()
            try:
                try:
                    done = _is_done(task)
                except TypeError:  # it is none of asyncio's
                    done = odd.is_done(task)
                if done:
                    if id(task) not in noted:
                        self.finished.add(outcome_of(task))
                    continue
                self.total += 1
                group = self._place(task)
                waiter = odd.waiter(task)
                idle = "ready" if waiter is None else "waiting"
                group.count_in(task, now, "running" if id(task) in running else idle)
                if waiter is not None:
                    group.waits_since(self._ages.of(task, waiter, now))
                self._groups[id(task)] = group
                if type(waiter) is not _PLAIN or KNOWS_AWAITERS:
                    self._edges.add_all_of(task, waiter)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the others are shown
                complain("a task could not be read for a dump", error)

    def _place(self, task: Any) -> WaitGroup:
        """The group of the task; what it waits for and holds is noted where its stack is walked."""
        codes = key(task)
        family = self.families.get(codes)
        if family is None:
            family = self.families[codes] = Family(task)
        look = family.wants_look() and self._looks < LOOKS_MAX
        stack = links(task) if look or (family.may_hold and self._stacks < STACKS_MAX) else []
        if look:
            self._looks += 1
        group = family.looked_at(task, stack) if look else family.others(task)
        if stack:
            self._stacks += 1
            try:
                self._note(task, stack, group)
            except BaseException as error:  # noqa: BLE001 - whatever it holds, the task is shown
                complain("what a task waits for could not be read", error)
        return group

    def _note(self, task: Any, stack: list[Link], group: WaitGroup) -> None:
        waiter = odd.waiter(task)
        for thing, index in waits.held(stack):
            self.primitives.held(thing, Holder(task, stack, index, is_task=True))
        if waiter is None:
            return
        for child in children(stack):
            self._edges.add(task, child)
        wait = waits.wait(stack)
        if wait is None:
            return
        primitive = self.primitives.waited(wait, stack, id(group))
        if primitive is not None:
            group.waits[wait.how, id(wait.thing)] = group.waits.get((wait.how, id(wait.thing)), 0) + 1
            self._graph.add(Node(task, waiter, id(wait.thing), (), waits.has_clock(stack)))

    def _hold_by_generators(self) -> None:
        """An async generator that is suspended at a ``yield`` is in no task's stack, but may hold something."""
        for generator in self._population.generators():
            self._pace.step()
            try:
                stack = list(chain(generator))
                for thing, index in waits.held(stack):
                    self.primitives.held(thing, Holder(generator, stack, index, is_task=False))
            except BaseException as error:  # noqa: BLE001 - whatever it holds, the others are shown
                complain("what a generator holds could not be read", error)

    def _connect(self) -> None:
        """Edges between tasks become nodes of the graph, and edges between their groups."""
        for awaiter, others in self._edges.by_awaiter.values():
            self._pace.step()
            stack = links(awaiter)
            innermost = stack[-1].code.co_name if stack else ""
            true = [other for other in others if waits_now(awaiter, other, innermost)]
            group = self._groups.get(id(awaiter))
            for other in true:
                self._pace.step()
                of_other = self._groups.get(id(other))
                if group is not None and of_other is not None:
                    group.awaits[id(of_other)] = group.awaits.get(id(of_other), 0) + 1
            if true:
                waiter = odd.waiter(awaiter)
                self._graph.add(Node(awaiter, waiter, None, tuple(true), waits.has_clock(stack)))
