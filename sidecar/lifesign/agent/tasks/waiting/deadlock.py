"""Deadlocks: which tasks wait for each other, directly or for what they hold, and can never continue.

A ring alone proves nothing: a semaphore has several holders, a timeout ends a wait by itself, and a dump is read while
the loop runs. So a task counts as stuck only if

- it waits for a primitive of which every holder is known and stuck, or for tasks that are all stuck;
- no timeout is around it, nor around whoever waits for it and would cancel it, however far outside;
- it is still in the very same wait after everything was read, the one in which it was seen to hold what it holds: then
  all of them waited at the same time.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Iterable, Sequence

from lifesign.agent.tasks.pace import Pace

RINGS_MAX = 5
NODES_MAX = 50_000


class Node:
    """A task that waits for other tasks, or for the holders of a primitive (`primitive`, its id).

    `waiter` is the future that it is suspended at; `clock` says that something will end this wait by itself.
    """

    __slots__ = ("awaits", "clock", "primitive", "task", "waiter")

    def __init__(self, task: Any, waiter: Any, primitive: int | None, awaits: tuple[Any, ...], clock: bool) -> None:
        self.task = task
        self.waiter = waiter
        self.primitive = primitive
        self.awaits = awaits
        self.clock = clock


class Graph:
    """The waits found on one walk."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}  # by the id of the task, which the node keeps alive
        self._cancelled: list[Any] = []

    def add(self, node: Node) -> None:
        if len(self._nodes) < NODES_MAX:
            self._nodes[id(node.task)] = node

    def will_be_cancelled(self, tasks: Iterable[Any]) -> None:
        """Notes tasks that a timeout cancels although nobody waits for them yet."""
        self._cancelled.extend(tasks)

    def rings(self, holders: Callable[[int], list[tuple[Any, int]] | None], pace: Pace) -> list[list[Node]]:
        """Rings of tasks that can never continue, each in the order in which one waits for the next.

        Args:
            holders: gives the tasks that hold a primitive, by its id, each with the id of the future that it was
                suspended at when that was seen; None where they are not all known.
        """
        known: dict[int, list[Any] | None] = {}
        edges: dict[int, Sequence[Any]] = {}
        for key, node in self._nodes.items():
            pace.step()
            needs = self._needs(node, holders, known)
            if needs:  # whoever waits for one of the others, which can continue, can continue too
                edges[key] = needs
        stuck = self._stuck(edges, pace)
        found: list[list[Node]] = []
        seen: set[int] = set()
        for start in stuck:
            path: list[int] = []
            here = start
            while here not in seen:
                pace.step()
                seen.add(here)
                path.append(here)
                here = id(edges[here][0])
            if here in path and len(found) < RINGS_MAX:
                found.append([self._nodes[key] for key in path[path.index(here) :]])
        return found

    def let_go(self, pace: Pace) -> None:
        """Refers to none of the tasks any more."""
        pace.empty(self._nodes)
        pace.empty(self._cancelled)

    def _needs(
        self,
        node: Node,
        holders: Callable[[int], list[tuple[Any, int]] | None],
        known: dict[int, list[Any] | None],
    ) -> Sequence[Any] | None:
        """The tasks of which one must continue for this one to continue; None if that is not known."""
        if node.clock:
            return None
        if node.primitive is None:
            return node.awaits
        if node.primitive not in known:
            found = holders(node.primitive)
            sure = found is not None and all(self._is_where(task, wait) for task, wait in found)
            known[node.primitive] = [task for task, _ in found] if found is not None and sure else None
        return known[node.primitive]

    def _is_where(self, task: Any, wait: int) -> bool:
        """Whether what was seen of a holder, and of its wait, was seen while it was in one and the same wait."""
        node = self._nodes.get(id(task))
        return node is not None and id(node.waiter) == wait

    def _stuck(self, edges: dict[int, Sequence[Any]], pace: Pace) -> list[int]:
        """The largest set of tasks that need only each other: those that can continue are removed until no more can."""
        needed_by: dict[int, list[int]] = {}
        free: deque[int] = deque()
        for key, needs in edges.items():
            pace.step()
            for task in needs:
                pace.step()
                if id(task) not in edges:
                    free.append(key)
                    break
                needed_by.setdefault(id(task), []).append(key)
            else:
                if self._moved(key):
                    free.append(key)
        for key in self._cancelled_by_a_clock(pace):
            pace.step()
            free.append(key)
        gone: set[int] = set()
        while free:
            pace.step()
            key = free.popleft()
            if key not in gone:
                gone.add(key)
                free.extend(needed_by.get(key, ()))
        stuck = [key for key in edges if key not in gone]
        pace.empty(needed_by)
        return stuck

    def _cancelled_by_a_clock(self, pace: Pace) -> set[int]:
        """The ids of those whom a timeout will cancel: those that its task waits for, those that they wait for ..."""
        seen: set[int] = set()
        following: deque[Iterable[Any]] = deque((self._cancelled,))
        for node in self._nodes.values():
            pace.step()
            if node.clock:
                following.append(node.awaits)
        while following:
            for task in following.popleft():
                pace.step()
                if id(task) not in seen:
                    seen.add(id(task))
                    node_of_it = self._nodes.get(id(task))
                    if node_of_it is not None:
                        following.append(node_of_it.awaits)
        return seen

    def _moved(self, key: int) -> bool:
        node = self._nodes[key]
        try:
            return node.task._fut_waiter is not node.waiter or node.waiter.done()
        except BaseException:  # noqa: BLE001 - a task class of the user's
            return True
