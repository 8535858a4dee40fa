"""Who can never go on, in graphs of who waits for whom; and nobody else is said to be in a deadlock."""

from __future__ import annotations

import sys
from typing import Any

from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.waiting.deadlock import Graph, Node
from support.rows import rows


class Future:
    """What a task is suspended at."""

    def done(self) -> bool:
        return False


class Task:
    """Stands for a task in a graph of any shape."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._fut_waiter = Future()


def rings(
    waits: dict[str, str],
    holders: dict[str, str] | None = None,
    *,
    clocks: str = "",
    moved: str = "",
    elsewhere: str = "",
) -> list[list[str]]:
    """The rings in a graph.

    Args:
        waits: by task, the tasks that it waits for (lower case), or the one primitive (upper case).
        holders: by primitive, its holders; "?" where they are not all known.
        clocks: tasks with a timeout around them.
        moved: tasks that went on while the others were looked at.
        elsewhere: tasks that were in another wait when they were seen to hold something.
    """
    held = holders or {}
    names = {*waits, *"".join(waits.values()), *"".join(held.values())}
    tasks = {name: Task(name) for name in names if name.islower()}
    graph = Graph()
    for name, others in waits.items():
        primitive = ord(others) if others.isupper() else None
        awaited = () if others.isupper() else tuple(tasks[other] for other in others)
        graph.add(Node(tasks[name], tasks[name]._fut_waiter, primitive, awaited, name in clocks))
    seen = {name: task._fut_waiter for name, task in tasks.items()}
    for name in elsewhere:
        seen[name] = Future()
    for name in moved:
        tasks[name]._fut_waiter = Future()

    def all_holders(primitive: int) -> list[tuple[Any, int]] | None:
        known = held.get(chr(primitive), "?")
        return None if "?" in known else [(tasks[name], id(seen[name])) for name in known]

    return sorted(sorted(node.task.name for node in ring) for ring in graph.rings(all_holders, Pace(lambda: None, 1)))


@rows(
    ("waits", "expected"),
    [
        ({}, []),
        ({"a": "b", "b": "c"}, []),
        ({"a": "bc", "b": "d", "c": "d"}, []),  # a diamond is no ring
        ({"a": "a"}, [["a"]]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, [["a", "b"], ["c", "d"]]),
        ({"x": "a", "a": "b", "b": "a"}, [["a", "b"]]),
        ({"a": "bc", "b": "a"}, []),  # c may fail, and gather would let a go
    ],
)
def test_rings_of_tasks(waits: dict[str, str], expected: list[list[str]]) -> None:
    assert rings(waits) == expected


@rows(
    ("waits", "holders", "expected"),
    [
        # Two locks in two orders; c only queues behind.
        ({"a": "L", "b": "K", "c": "L"}, {"L": "b", "K": "a"}, [["a", "b"]]),
        # Two locks in one order: a works.
        ({"b": "L", "c": "L"}, {"L": "a"}, []),
        # The holder waits for the one that waits for the lock.
        ({"a": "L", "b": "a"}, {"L": "b"}, [["a", "b"]]),
        # A semaphore of two: one of its holders works on.
        ({"a": "S", "b": "K"}, {"S": "bx", "K": "a"}, []),
        # Both of its holders want a second one: a nested acquire.
        ({"a": "S", "b": "S"}, {"S": "ab"}, [["a"]]),
        # Who holds it is not known, or not of everybody.
        ({"a": "L", "b": "K"}, {"L": "?", "K": "a"}, []),
        ({"a": "L", "b": "K"}, {"K": "a"}, []),
    ],
)
def test_rings_over_primitives(waits: dict[str, str], holders: dict[str, str], expected: list[list[str]]) -> None:
    assert rings(waits, holders) == expected


def test_a_timeout_ends_a_wait_so_that_it_is_no_deadlock() -> None:
    assert rings({"a": "L", "b": "K"}, {"L": "b", "K": "a"}, clocks="a") == []


def test_a_timeout_around_who_waits_cancels_whom_he_waits_for() -> None:
    waits, holders = {"w": "a", "a": "L", "b": "K"}, {"L": "b", "K": "a"}
    assert rings(waits, holders) == [["a", "b"]]
    assert rings(waits, holders, clocks="w") == []


def test_a_timeout_cancels_however_far_outside_it_is() -> None:
    waits, holders = {"v": "w", "w": "x", "x": "a", "a": "L", "b": "K"}, {"L": "b", "K": "a"}
    assert rings(waits, holders) == [["a", "b"]]
    assert rings(waits, holders, clocks="v") == []


def test_what_a_task_held_before_it_went_on_to_this_wait_does_not_count() -> None:
    assert rings({"a": "L", "b": "a"}, {"L": "b"}) == [["a", "b"]]
    assert rings({"a": "L", "b": "a"}, {"L": "b"}, elsewhere="b") == []


def test_who_went_on_meanwhile_was_never_in_it_with_the_others() -> None:
    assert rings({"a": "L", "b": "K"}, {"L": "b", "K": "a"}, moved="b") == []


def test_a_chain_longer_than_pythons_stack_is_no_trouble() -> None:
    tasks = [Task(str(number)) for number in range(2 * sys.getrecursionlimit())]
    graph = Graph()
    for task, other in zip(tasks, [*tasks[1:], tasks[0]]):
        graph.add(Node(task, task._fut_waiter, None, (other,), False))
    (ring,) = graph.rings(lambda _: None, Pace(lambda: None, 1))
    assert len(ring) == len(tasks)
