"""Answers by the dozen, each of them strange; `make fuzz` judges them by the million."""

from __future__ import annotations

from random import Random
from typing import Iterator

import pytest

from support.fuzzing.answers import Collectors
from support.fuzzing.chance import chances
from support.rows import rows


@pytest.fixture(scope="module")
def collectors() -> Iterator[Collectors]:
    collectors = Collectors()
    yield collectors
    collectors.close()


@rows("rng", chances(50))
def test_whatever_a_collector_answers_is_judged_by_what_it_says(collectors: Collectors, rng: Random) -> None:
    collectors.suffer(rng)
