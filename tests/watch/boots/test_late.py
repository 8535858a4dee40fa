"""When a part of a boot is late: far longer than in any of the boots before, and never without some of them."""

from __future__ import annotations

from collections.abc import Sequence

from lifesign.judge.boots import is_late, usual
from support.rows import rows


@rows(
    ("before", "expected"),
    [
        ([], None),
        ([0.3, 0.3], None),
        ([0.3, 0.2, 0.4], 0.3),
        ([0.3, 0.2, 0.4, 0.5], 0.35),
    ],
)
def test_what_is_usual(before: Sequence[float], expected: float | None) -> None:
    assert usual(before) == expected


@rows(
    ("length", "before", "late"),
    [
        (60.0, [], False),  # nothing to compare with
        (60.0, [0.3, 0.3], False),  # too little
        (4.1, [0.3, 0.2, 0.4], True),
        (4.1, [0.3, 4.0, 0.4], False),  # as slow as once before
        (7.9, [4.0, 4.0, 4.0], False),  # not twice as long
        (0.2, [0.001, 0.001, 0.001], False),  # many times as long, and nobody would notice
        (4.1, [*[0.3] * 9, 4.0], True),  # one slow boot among ten excuses no other ...
        (4.1, [*[0.3] * 9, 4.0, 4.0], False),  # ... two of them do
    ],
)
def test_what_is_late(length: float, before: Sequence[float], late: bool) -> None:
    assert is_late(length, before) is late
