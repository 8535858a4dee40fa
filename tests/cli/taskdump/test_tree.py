"""The await tree of a task dump: `lifesign dump --tree`."""

from __future__ import annotations

import pytest

from support.made.dumps import QUEUES, answer, frame, group, on_terminal, piped


def test_the_tree_shows_who_waits_for_whom() -> None:
    groups = [
        group(0, 6, "work", stack=[frame("work", 4), frame("fetch", 9), frame("Queue.get", 158, QUEUES)]),
        group(1, 3, "parent", (0, 6)),
        group(2, 1, "main", (1, 3), (3, 1), (0, 2)),
        group(3, 1, "audit", (4, 1)),
        group(4, 2, "log"),
        group(5, 1, "stray"),
    ]

    lines = on_terminal(answer(*groups), tree=True, width=100)
    assert lines == [
        "shop.py 7: 14 tasks in 6 groups, taken in 12 ms (request)",
        "",
        "#2 1 x main [main-0]  waiting for gather  shop.py:12",
        "├── #0 6 x work [work-0, ...]  waiting for Future, awaited twice  fetch shop.py:9",
        "├── #1 3 x parent [parent-0, ...]  waiting for gather  shop.py:11",
        "│   └── ... #0 6 x work, above",
        "└── #3 1 x audit [audit-0]  waiting for gather  shop.py:13",
        "    └── #4 2 x log [log-0, log-1]  waiting for Future, awaited once  shop.py:14",
        "#5 1 x stray [stray-0]  waiting for Future  shop.py:15",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_other_terminals_get_ascii_guides(encoding: str) -> None:
    groups = (group(0, 1, "main", (1, 1), (2, 1)), group(1, 1, "left", (2, 1)), group(2, 1, "right"))

    assert on_terminal(answer(*groups), tree=True, encoding=encoding)[2:] == [
        "#0 1 x main [main-0]  waiting for gather  shop.py:10",
        "+-- #1 1 x left [left-0]  waiting for gather  shop.py:11",
        "|   `-- #2 1 x right [right-0]  waiting for Future  shop.py:12",
        "`-- ... #2 1 x right, above",
    ]


def test_a_ring_is_cut_and_named() -> None:
    groups = [group(0, 1, "a", (1, 1)), group(1, 1, "b", (0, 1)), group(2, 1, "outside", (1, 1))]

    assert piped(answer(*groups, cycles=[["b-0", "a-0"]]), tree=True)[2:] == [
        "#2 1 x outside [outside-0]  waiting for gather  shop.py:12",
        "└── #1 1 x b [b-0]  waiting for gather  shop.py:11",
        "    └── #0 1 x a [a-0]  waiting for gather  shop.py:10",
        "        └── ... #1 1 x b, deadlock",
    ]
    assert piped(answer(*groups[:2], cycles=[["b-0", "a-0"]]), tree=True)[2:] == [
        "#0 1 x a [a-0]  waiting for gather  shop.py:10",
        "└── #1 1 x b [b-0]  waiting for gather  shop.py:11",
        "    └── ... #0 1 x a, deadlock",
    ]


def test_recursion_is_no_deadlock() -> None:
    groups = (group(0, 3, "walk", (0, 2), (1, 1)), group(1, 1, "walk"))

    assert piped(answer(*groups, cycles=[["other", "tasks"]]), tree=True)[2:] == [
        "#0 3 x walk [walk-0, ...]  waiting for gather  shop.py:10",
        "├── ... #0 3 x walk, above",
        "└── #1 1 x walk [walk-0]  waiting for Future  shop.py:11",
    ]


def test_what_hangs_too_deep_goes_on_at_the_margin() -> None:
    chain = [group(index, 1, "link", (index + 1, 1)) for index in range(49)]
    lines = piped(answer(*chain, group(49, 1, "end")), tree=True)[2:]

    assert lines[16].strip() == "└── ... #16 1 x link, below"
    assert lines[17] == "#16 1 x link [link-0]  waiting for gather  shop.py:26"
    assert max(map(len, lines)) < 120
    assert len(lines) == 50 + 3


def test_lines_of_the_tree_are_cut_at_the_edge() -> None:
    lines = on_terminal(answer(group(0, 1, "work", names=["東京" * 30])), tree=True, width=30)

    assert lines[-1] == "#0 1 x work [東京東京東京東京…"  # 30 columns, two for each of these


def test_of_very_many_children_the_first_are_shown() -> None:
    groups = [group(0, 1, "main", *((child, 1) for child in range(1, 54)))]
    groups += [group(child, 1, "child") for child in range(1, 54)]
    lines = on_terminal(answer(*groups), tree=True, width=100)
    assert "└── and 3 more groups" in lines
