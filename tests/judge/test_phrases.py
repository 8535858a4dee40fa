"""How times and things are said."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.phrases import ago, name_of
from support.rows import rows

S = 1_000_000_000


@rows(
    ("nanoseconds", "said"),
    [
        (-5, "0 s ago"),
        (119 * S, "119 s ago"),
        (120 * S, "2 min ago"),
        (7199 * S, "119 min ago"),
        (7200 * S, "2 h ago"),
        (48 * 3600 * S, "2 days ago"),
    ],
)
def test_how_long_ago(nanoseconds: int, said: str) -> None:
    assert ago(nanoseconds) == said


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("Lock", "Desk.ledger", "the Lock Desk.ledger"), ("Lock", "", "a Lock"), ("Event", "", "an Event")],
)
def test_what_a_primitive_is_called(kind: str, name: str, said: str) -> None:
    primitive: Any = {"type": kind, "name": name, "place": None}
    assert name_of(primitive) == said
