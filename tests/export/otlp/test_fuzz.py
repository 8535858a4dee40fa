"""Answers by the dozen, each of them strange; `make fuzz` judges them by the million."""

from __future__ import annotations

from random import Random
from typing import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fuzzing.answers import Collectors


@pytest.fixture(scope="module")
def collectors() -> Iterator[Collectors]:
    collectors = Collectors()
    yield collectors
    collectors.close()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1 << 64))
def test_whatever_a_collector_answers_is_judged_by_what_it_says(collectors: Collectors, seed: int) -> None:
    collectors.suffer(Random(seed))
