"""What looks as if its tasks held each other up for good is in no deadlock; `make causes` looks for longer, at more."""

from __future__ import annotations

import pytest

from causes.__main__ import run
from causes.programs import of_ours
from support.built import PYTHONS

NEWEST, *OLDER = reversed(PYTHONS)


@pytest.mark.parametrize("version", [NEWEST, *OLDER[-1:]])
def test_what_only_looks_so_is_not_said_to_be_in_a_deadlock(version: str) -> None:
    asked = [one for one in of_ours(version, PYTHONS[version]) if one.ill or one.name.startswith("lookalikes ")]
    seen = run(asked, 8.0)
    assert [one.asked.name for one in seen if not one.dumps] == []
    assert {one.asked.name: one.example for one in seen if one.said and not one.asked.ill} == {}
    assert [one.asked.name for one in seen if one.missed] == []
