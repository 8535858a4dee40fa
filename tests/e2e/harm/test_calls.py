"""No call raises, and nothing is left, whatever is called when: a few programs as ``make fuzz`` runs them."""

from __future__ import annotations

import pytest

from support.fuzzing.programs import Circumstances, ends_well

SAMPLE = [
    Circumstances("there", 0, 20, 1),
    Circumstances("there", 3, 20, 2),
    Circumstances("full", 0, 20, 3),
    Circumstances("unset", 0, 20, 4),
]


@pytest.mark.parametrize("here", SAMPLE, ids=str)
def test_no_call_raises_and_nothing_is_left(here: Circumstances) -> None:
    ends_well(here)
