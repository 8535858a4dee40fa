"""Rings in the graph of who waits for whom."""

from __future__ import annotations

import sys

import pytest

from lifesign.agent.tasks import edges
from lifesign.agent.tasks.pace import Pace


class Node:
    """Stands for a task in a graph of any shape."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get_name(self) -> str:
        return self._name


def cycles(graph: dict[str, str]) -> list[list[str]]:
    nodes = {name: Node(name) for name in {*graph, *"".join(graph.values())}}
    found = edges.Edges()
    for name, others in graph.items():
        found.by_awaiter[id(nodes[name])] = (nodes[name], [nodes[other] for other in others])
    return [sorted(cycle) for cycle in found.cycles(Pace(lambda: None, 1))]


@pytest.mark.parametrize(
    ("graph", "rings"),
    [
        ({}, []),
        ({"a": "b", "b": "c"}, []),
        ({"a": "bc", "b": "d", "c": "d"}, []),  # a diamond is no ring
        ({"a": "a"}, [["a"]]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, [["a", "b"], ["c", "d"]]),
        ({"x": "a", "a": "b", "b": "a"}, [["a", "b"]]),
    ],
)
def test_rings_in_graphs(graph: dict[str, str], rings: list[list[str]]) -> None:
    assert sorted(cycles(graph)) == rings


def test_a_chain_longer_than_pythons_stack_is_no_trouble() -> None:
    nodes = [Node(str(number)) for number in range(2 * sys.getrecursionlimit())]
    found = edges.Edges()
    for node, other in zip(nodes, [*nodes[1:], nodes[0]]):
        found.by_awaiter[id(node)] = (node, [other])
    (cycle,) = found.cycles(Pace(lambda: None, 1))
    assert len(cycle) == edges.CYCLE_NAMES_MAX + 1
    assert cycle[-1] == "..."
