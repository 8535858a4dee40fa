"""One walk over all tasks: their groups, the primitives they wait for and hold, and who waits for whom."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from lifesign.agent.harmless import complain
from lifesign.agent.tasks import creation, odd
from lifesign.agent.tasks.finished import Finished, outcome_of
from lifesign.agent.tasks.groups import LOOKS_MAX, STACKS_EACH, STACKS_MAX, Family, WaitGroup
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.population import Population
from lifesign.agent.tasks.waiting.ages import FEW, Ages
from lifesign.agent.tasks.waiting.caught import cancelled, errors
from lifesign.agent.tasks.waiting.certainty import end_of_a_timer
from lifesign.agent.tasks.waiting.deadlock import Graph, Node
from lifesign.agent.tasks.waiting.edges import Edges, awaited, group_tasks, together
from lifesign.agent.tasks.waiting.leaves import keeps_the_loop, leaf, time_left
from lifesign.agent.tasks.waiting.plan import Plan
from lifesign.agent.tasks.waiting.primitives import Holder, Primitives
from lifesign.agent.tasks.waiting.waits import look, look_alone, unshielded
from lifesign.agent.tasks.walk import FAMILY, CodeTree, Link, chain, code_tree, links, walked

_PLAIN = asyncio.Future  # what most tasks wait for: it stands for no other task
_is_done = asyncio.Task.done
STILL_SECONDS = 60.0  # after which a wait may be one that nothing will end


class Survey:
    """The result of one walk. It keeps what it found alive, so do not keep it."""

    def __init__(self, population: Population, pace: Pace, ages: Ages) -> None:
        ages.begin()
        self._ages = ages
        self.families: list[Family] = []
        self.groups: list[WaitGroup] = []
        self.total = 0  # tasks that have not ended
        self.finished = Finished()
        self.primitives = Primitives()
        self.rings: list[list[Node]] = []
        self._population = population
        self._pace = pace
        self._edges = Edges()
        self._graph = Graph()
        self._tree = code_tree()
        self._looked: dict[int, WaitGroup] = {}  # the groups of the tasks whose lines were read, by the id of a task
        self._looks = 0
        self._stacks = 0
        self._stacks_each = STACKS_MAX if sum(population.count()) <= STACKS_MAX else STACKS_EACH
        self._walk()
        ages.end(pace)
        self._hold_by_generators()
        self._connect()
        self.rings = list(filter(self._certain, self._graph.rings(self.primitives.holders, pace)))

    def look_closer(self, group: WaitGroup) -> None:
        """Finds out of one of a group's tasks what would cost too much to find out of each."""
        self._pace.look()
        task = group.sample
        try:
            stack = links(task)
            group.time_left, group.keeps_the_loop = time_left(stack), keeps_the_loop(task)
            group.cancelled = cancelled(task, stack)
            collective = look_alone(stack).collective
            group.errors = errors(stack, together(odd.waiter(task), collective), collective)
            end = leaf(task, stack) if not group.waits else None
            if end is not None:
                group.waits[end.how, id(end.thing)] = 1
                self.primitives.ends_at(end, stack, id(group), group.count)
        except BaseException as error:  # noqa: BLE001 - whatever it waits for, the group is shown
            complain("what a task waits for could not be read", error)

    def still(self) -> float | None:
        """For how many seconds nothing that waits has moved, but for what a clock moves; None if something has."""
        least: float | None = None
        for group in self.groups:
            self._pace.step()
            if group.waited_least is None or group.waited_least < STILL_SECONDS or group.states.keys() != {"waiting"}:
                # A scope that has no deadline is no clock: whoever waits in one was moved by something else.
                if time_left(links(group.sample)) is None:
                    return None
            elif least is None or group.waited_least < least:
                least = group.waited_least
        return least

    def let_go(self) -> None:
        """Refers to nothing of the program's any more, which takes its time where there is much of it."""
        for part in (self.primitives, self._graph, self._edges):
            part.let_go(self._pace)

    def _walk(self) -> None:
        running = {id(task) for task in self._population.running()}
        noted = set()
        for reference, how in list(creation.finished):
            self.finished.add(how)
            noted.add(id(reference()))
        ended = 0
        now = time.monotonic()
        self._pace.rest()
        walk = self._population.walk()
        self._pace.collect()
        for some in walk:
            count = len(some)
            ended += self._see(some, running, noted, now)
            del some  # none is kept alive in a pause
            self._pace.steps(count)
        for family in self.families:
            family.share_out()
            self.total += family.count
        self._population.saw(self.total, ended)

    def _see(self, tasks: list[Any], running: set[int], noted: set[int], now: float) -> int:
        """Puts tasks into their groups; returns how many of them had ended."""
        ended = 0
        looked = False
        for task in tasks:
            if looked:
                self._pace.look()
                looked = False
            try:
                try:
                    done = _is_done(task)
                except TypeError:  # it is none of asyncio's
                    done = odd.is_done(task)
                if done:
                    ended += 1
                    if id(task) not in noted:
                        self.finished.add(outcome_of(task))
                    continue
                try:
                    waiter = task._fut_waiter
                except BaseException:  # noqa: BLE001 - it is none of asyncio's
                    waiter = None
                end, awaitables = walked(task, self._tree)
                family = end.get(FAMILY) or self._family_of(task, end, awaitables)
                if family.count < family.counted_until and type(waiter) is _PLAIN:
                    family.count += 1
                    if not self._ages.are_full:
                        family.one_of(task).waits_since(self._ages.of(task, waiter, now))
                    continue
                looked = True
                group = self._place(task, waiter, family, awaitables)
                if waiter is None:
                    group.count_in(task, now, "running" if id(task) in running else "ready")
                else:
                    group.count_in(task, now, "waiting")
                    few = group.count <= FEW
                    if few or not self._ages.are_full:
                        group.waits_since(self._ages.of(task, waiter, now, few=few))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the others are shown
                complain("a task could not be read for a dump", error)
        return ended

    def _family_of(self, task: Any, end: CodeTree, awaitables: list[Any]) -> Family:
        """A new family."""
        family = end[FAMILY] = Family(task, awaitables, self._stacks_each)
        self.families.append(family)
        return family

    def _place(self, task: Any, waiter: Any, family: Family, awaitables: list[Any]) -> WaitGroup:
        """The group of the task; what it waits for and holds is noted where its stack is looked into."""
        wants_look = family.wants_look()
        if wants_look and self._looks >= LOOKS_MAX:
            family.look_at_no_more()
            wants_look = False
        if wants_look:
            self._looks += 1
            stack = family.links(awaitables)
            group = self._looked[id(task)] = family.looked_at(task, stack)
        else:
            others = waiter is not None and type(waiter) is not _PLAIN  # what it waits for stands for others
            if family.holds_nothing and not others:
                wanted = False
            else:
                wanted = self._stacks < STACKS_MAX and (others or family.wants_stack(awaitables))
            stack = family.links(awaitables) if wanted else []
            group = family.others(task)
        if group.count == 0:
            self.groups.append(group)
        if stack:
            self._stacks += 1
            try:
                self._note(task, waiter, stack, family.plan, group)
            except BaseException as error:  # noqa: BLE001 - whatever it holds, the task is shown
                complain("what a task waits for could not be read", error)
        return group

    def _note(self, task: Any, waiter: Any, stack: list[Link], plan: Plan, group: WaitGroup) -> None:
        seen = look(stack, plan)
        if odd.waiter(task) is not waiter:
            return  # it went on meanwhile: its stack is not that of this wait
        for thing, index in seen.held:
            self.primitives.held(thing, Holder(task, stack, index, is_task=True, wait=id(waiter)))
            if seen.clock:
                self._graph.will_be_cancelled(group_tasks(thing))
        if waiter is None:
            return
        primitive = None if seen.wait is None else self.primitives.waited(seen.wait, stack, id(group))
        if seen.wait is not None and primitive is not None:
            wait = seen.wait.how, seen.wait.identity
            group.waits[wait] = group.waits.get(wait, 0) + 1
            if primitive.kind.holders is not None:
                self._graph.add(Node(task, waiter, wait[1], (), seen.clock))
                return
        tasks, only = awaited(unshielded(waiter), [unshielded(one) for one in seen.collective], self._pace.step)
        if tasks:
            self._edges.add(group, tasks)
            if only or seen.clock:
                self._graph.add(Node(task, waiter, None, tasks, seen.clock))

    def _hold_by_generators(self) -> None:
        """An async generator that is suspended at a ``yield`` is in no task's stack, but may hold something."""
        self._pace.rest()
        for generator in self._population.generators():
            self._pace.step()
            if odd.read(generator, "ag_running") is not False:
                continue
            try:
                stack = list(chain(generator))
                for thing, index in look_alone(stack).held:
                    self.primitives.held(thing, Holder(generator, stack, index, is_task=False))
            except BaseException as error:  # noqa: BLE001 - whatever it holds, the others are shown
                complain("what a generator holds could not be read", error)

    def _connect(self) -> None:
        """Edges between tasks become edges between their groups."""
        for group, other in self._edges:
            self._pace.step()
            of_other = self._group_of(other)
            if of_other is not None:
                group.awaits[id(of_other)] = group.awaits.get(id(of_other), 0) + 1

    def _group_of(self, task: Any) -> WaitGroup | None:
        """The group that a task is counted in; None of one that has ended.

        What each of 100,000 is in is not kept, but of those whose lines were read; the others are seen once more.
        """
        group = self._looked.get(id(task))
        if group is None and not odd.is_done(task):
            family: Family | None = walked(task, self._tree)[0].get(FAMILY)
            group = None if family is None else family.one_of(task)
        return group

    def _certain(self, ring: list[Node]) -> bool:
        try:
            return not end_of_a_timer((node.task for node in ring), self._population.loops())
        except BaseException as error:  # noqa: BLE001 - then it is not certain
            complain("the timers of a loop could not be read", error)
            return False
