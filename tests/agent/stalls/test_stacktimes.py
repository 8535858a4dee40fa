"""The stacks of a culprit: added up, the most first, and no more of them than are of interest."""

from __future__ import annotations

from typing import Any

from lifesign.agent.stalls.stacks import NOTHING, SeenStack
from lifesign.agent.stalls.stacktimes import StackTimes
from lifesign.wire.layout import STACKS_MAX


def seen(line: int, *, own: bool = True, frames: int = 1) -> SeenStack:
    stack: Any = [{"function": "work", "file": "shop.py", "line": line}] * frames
    return NOTHING._replace(stack=stack, place=stack[-1] if own else None)


def test_stacks_are_added_up_and_the_one_with_the_most_time_has_the_place() -> None:
    times = StackTimes()
    assert (times.place(), times.most()) == (None, [])
    times.add(NOTHING, 1, 90, 0)  # nobody's
    times.add(seen(1, own=False), 1, 50, 5)
    times.add(seen(2), 1, 20, 2)
    times.add(seen(2), 2, 20, 3)
    times.add(seen(3, frames=30), 1, 30, 30)
    assert [(one["samples"], one["time"], one["computing"]) for one in times.most()] == [
        (1, 50, 5),
        (3, 40, 5),
        (1, 30, 30),
    ]
    assert [len(one["stack"]) for one in times.most()] == [1, 1, 20]
    assert times.place() == {"function": "work", "file": "shop.py", "line": 2}


def test_of_very_many_those_with_the_least_time_are_forgotten() -> None:
    times = StackTimes()
    for line in range(100):
        times.add(seen(line, own=line % 2 == 0), 1, 100 + line, 0)
    assert [one["time"] for one in times.most()] == [199 - nth for nth in range(STACKS_MAX)]
    assert times.place() == {"function": "work", "file": "shop.py", "line": 98}
