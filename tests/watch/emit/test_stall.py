"""What a stall says of a loop that is blocked."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign import semconv
from lifesign.watch.emit.causes import stall_attributes
from lifesign.watch.sources import no_source


@pytest.mark.parametrize(("busy", "said"), [(True, {semconv.STALL_BUSY: True}), (None, {})])
def test_whether_its_thread_computes_is_said_where_it_is_known(busy: bool | None, said: dict[str, bool]) -> None:
    stall: Any = {"stack": [{"function": "work", "file": "/srv/app.py", "line": 7}], "busy": busy}
    made = stall_attributes([stall], no_source)
    assert {name: value for name, value in made.items() if name == semconv.STALL_BUSY} == said
    assert made[semconv.CODE_LINE] == 7
    assert stall_attributes([], no_source) == {}
