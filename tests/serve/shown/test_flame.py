"""The stacks that the page draws: those with the most time, whose code they are in, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from lifesign.serve.shown.flame import BYTES, STACKS, flame
from lifesign.watch.telemetry import BusyReading, StallReading
from support.made.boards import snapshot
from support.made.client import NOTHING, Stage, ask
from support.made.stalls import DUMPS, HANDLE, RENDER, stack


def drawn(**changes: Any) -> dict[str, Any]:
    encoded = flame(snapshot(**changes))
    assert len(encoded) <= BYTES
    return json.loads(encoded)  # type: ignore[no-any-return]


def test_stacks_of_stalls_and_spins_share_their_frames() -> None:
    slow = StallReading(1, "call", stacks=(stack(HANDLE, RENDER, DUMPS, seconds=3.0, samples=30),))
    quick = StallReading(2, "call", stacks=(stack(HANDLE, seconds=0.5, samples=5),))
    spin = BusyReading(1, 0, 0.98, 40, 40, stacks=(stack(RENDER, seconds=2.0, samples=40),))
    assert drawn(stalls=(quick, slow), busy=(spin,)) == {
        "frames": [
            ["handle", "/srv/shop/app.py", 20, True],
            ["render", "/srv/shop/app.py", 8, True],
            ["dumps", "/usr/lib/python3.11/json/__init__.py", 231, False],
        ],
        "stacks": [
            {"group": "stalled", "frames": [0, 1, 2], "samples": 30, "time": 3.0, "computing": 3.0},
            {"group": "loop 1 spins", "frames": [1], "samples": 40, "time": 2.0, "computing": 2.0},
            {"group": "stalled", "frames": [0], "samples": 5, "time": 0.5, "computing": 0.5},
        ],
        "left_out": 0.0,
    }
    assert drawn() == {"frames": [], "stacks": [], "left_out": 0.0}


def test_those_with_the_least_time_are_left_out() -> None:
    stacks = tuple(stack({**RENDER, "line": number}, seconds=number) for number in range(1, STACKS + 3))
    view = drawn(stalls=(StallReading(1, "call", stacks=stacks),))
    assert len(view["stacks"]) == STACKS
    assert view["left_out"] == 1.0 + 2.0


def test_a_big_one_is_cut_to_the_bound() -> None:
    frames = [{"function": "f" * 300, "file": f"/{number}" * 200, "line": number} for number in range(100)]
    stacks = tuple(stack(*frames[number:], seconds=9 - number) for number in range(5))
    view = drawn(stalls=(StallReading(1, "call", stacks=stacks),))
    assert len(view["stacks"]) == 5, "they share their frames"
    other = [{**frame, "line": frame["line"] + 1000} for frame in frames]
    view = drawn(stalls=(StallReading(1, "call", stacks=(stack(*frames, seconds=2), stack(*other, seconds=1))),))
    assert [one["time"] for one in view["stacks"]] == [2.0]
    assert view["left_out"] == 1.0


@pytest.mark.asyncio(loop_scope="module")
async def test_stacks_are_asked_for_apart(stage: Stage) -> None:
    board = Board()
    stage.app = page_app(board, NOTHING, host="127.0.0.1")
    port = stage.port
    stall = StallReading(1, "call", stacks=(stack(RENDER, seconds=2.0),))
    board.update([snapshot("12-0badcafe", stalls=(stall,))])
    answer = await ask(port, "/api/v1/processes/12-0badcafe/stacks")
    assert answer.status == 200
    assert [one["time"] for one in answer.json()["data"]["stacks"]] == [2.0]
    assert (await ask(port, "/api/v1/processes/13-0badcafe/stacks")).status == 404
    assert (await ask(port, "/api/v1/processes/12-0badcafe/stacks", sec_fetch_site="cross-site")).status == 403
