"""Which function of C a loop's thread waits in: said where every sample was in the same place, and it did wait."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Findings

RENDER = {"function": "render", "file": "/srv/shop/service.py", "line": 12}


@pytest.mark.parametrize(
    ("busy", "samples", "in_place", "computing", "said"),
    [
        (False, 30, 30, 1, "is waiting in time.sleep, called in render (service.py:12); 30 of 30 samples in render"),
        (False, 0, 0, 0, "is waiting in time.sleep, called in render (service.py:12)"),
        (False, 30, 29, 1, "is waiting in render (service.py:12); 29 of 30 samples in render"),
        (False, 30, 30, 12, "is busy and waiting in render (service.py:12); 30 of 30 samples in render"),
        (None, 0, 0, 0, "is in render (service.py:12)"),
    ],
)
def test_what_was_called_in_c_is_said_where_it_is_certain(
    busy: bool | None, samples: int, in_place: int, computing: int, said: str
) -> None:
    stall: Any = {"busy": busy, "stack": [RENDER], "c_function": "time.sleep"}
    stall |= {"samples": samples, "in_place": in_place, "computing": computing}
    (cause,) = causes(Findings("blocked", stalls=(stall,)))
    assert cause.sentence == f"the loop's thread {said}"
