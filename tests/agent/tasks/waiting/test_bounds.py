"""What a survey remembers and looks at has bounds, and what is beyond them is not known."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks import finished
from lifesign.agent.tasks.finished import Finished, TaskOutcome
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.waiting import ages, deadlock, kinds, leaves, naming, primitives
from lifesign.agent.tasks.waiting.ages import Ages
from lifesign.agent.tasks.waiting.deadlock import Graph, Node
from lifesign.agent.tasks.waiting.primitives import Primitives
from lifesign.agent.tasks.waiting.waits import Wait
from support.rows import rows


async def test_of_a_task_beyond_those_that_are_remembered_no_age_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    known, future = Ages(), asyncio.get_running_loop().create_future()
    known.begin()
    assert known.of("one", future, 5.0) == 0.0
    known.begin()
    assert known.of("one", future, 7.5) == 2.5
    monkeypatch.setattr(ages, "TASKS_MAX", 1)
    assert known.of("another", future, 8.0) is None


def test_finished_tasks_are_counted_by_so_many_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "_KINDS_COUNTED", 1)
    seen = Finished()
    for function in ("work", "other", "work"):
        seen.add(TaskOutcome(function, "returned", ""))
    assert [(kind["function"], kind["count"]) for kind in seen._kinds.values()] == [("work", 2)]


async def test_more_primitives_than_are_kept_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, first, second = Primitives(), asyncio.Lock(), asyncio.Lock()
    assert seen.waited(Wait(first, "acquire"), [], 1) is not None
    monkeypatch.setattr(primitives, "KEPT_MAX", 1)
    assert seen.waited(Wait(second, "acquire"), [], 1) is None
    again = seen.waited(Wait(first, "acquire"), [], 2)
    assert again is not None
    assert again.waiting == {1: 1, 2: 1}


class Task:
    def __init__(self) -> None:
        self._fut_waiter = SimpleNamespace(done=lambda: False)


def waits_for(task: Task, *others: Task, clock: bool = False) -> Node:
    return Node(task, task._fut_waiter, None, others, clock)


@pytest.mark.parametrize("most", [2, 1])
def test_a_ring_is_found_among_so_many_waits(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(deadlock, "NODES_MAX", most)
    graph, one, other = Graph(), Task(), Task()
    graph.add(waits_for(one, other))
    graph.add(waits_for(other, one))
    found = graph.rings(lambda _: None, Pace(lambda: None, 1))
    assert [len(ring) for ring in found] == ([2] if most == 2 else [])


def test_whom_a_clock_cancels_is_followed_once() -> None:
    graph, one, other, third = Graph(), Task(), Task(), Task()
    graph.add(waits_for(one, other))
    graph.add(waits_for(other, one))
    graph.add(waits_for(third, one, one, clock=True))
    assert graph.rings(lambda _: None, Pace(lambda: None, 1)) == []


def test_what_is_in_a_very_long_list_has_no_name() -> None:
    thing = object()
    assert naming._leads_to([1, thing], thing)
    assert not naming._leads_to([*range(naming._ITEMS_MAX), thing], thing)


@rows(
    ("clock", "when"),
    [
        (SimpleNamespace(_when=5), 5.0),
        (SimpleNamespace(when=lambda: 6.5), 6.5),  # of uvloop's, which keeps it where only it sees it
        (SimpleNamespace(_deadline=float("inf")), None),
        (SimpleNamespace(when=lambda: "soon"), None),
    ],
)
def test_the_moment_of_a_clock(clock: Any, when: float | None) -> None:
    assert leaves._when(clock) == when


def test_a_pool_of_another_version_says_nothing() -> None:
    pool = type("AsyncConnectionPool", (), {"__module__": "httpcore"})()
    what = kinds.kind(pool)
    assert what is not None
    assert what.state(pool) == ""
