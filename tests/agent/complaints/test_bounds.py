"""How many dead tasks are remembered, and how deep into a traceback is looked."""

from __future__ import annotations

import pytest

from lifesign.agent.tasks import walk


def raises(depth: int) -> None:
    if depth:
        raises(depth - 1)
    raise ValueError("no price")


def outer() -> None:
    raises(50)


@pytest.mark.parametrize(("most", "function"), [(1000, "raises"), (2, "outer")])
def test_of_a_very_long_traceback_the_outermost_frames_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, most: int, function: str
) -> None:
    monkeypatch.setattr(walk, "_TRACEBACK_MAX", most)
    with pytest.raises(ValueError, match="no price") as raised:
        outer()
    place = walk.raised_at(raised.value)
    assert place is not None
    assert place["function"] == function
