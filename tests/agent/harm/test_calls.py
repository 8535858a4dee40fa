"""No call raises, and nothing is left, whatever is called when: a few programs as ``make fuzz`` runs them."""

from __future__ import annotations

import pytest

from support.fuzzing.programs import DIRECTORIES, Circumstances, ends_well

SAMPLE = [Circumstances(directory, 0, 20, seed) for seed, directory in enumerate(DIRECTORIES)]


@pytest.mark.parametrize("here", [*SAMPLE, Circumstances("there", 2, 20, 7), Circumstances("there", 5, 20, 8)], ids=str)
def test_no_call_raises_and_nothing_is_left(here: Circumstances) -> None:
    ends_well(here)
