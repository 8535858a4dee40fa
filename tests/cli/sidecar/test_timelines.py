"""Timelines survive the sidecar, and what somebody else put in their place is no harm."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from lifesign.cli.sidecar import timelines
from lifesign.judge.rundir import PROCESSES_MAX
from lifesign.serve.board import Board
from lifesign.serve.shown.timeline import SavedTimeline
from support.made.boards import snapshot


def delays(board: Board) -> list[int]:
    board.update([snapshot(new_delays=(0.002,))])
    shown = board.shown("12-0badcafe")
    assert shown is not None
    return shown.timeline.view().delays


async def test_what_one_sidecar_has_seen_the_next_one_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "EVERY_S", 0.001)
    first = Board(wall=lambda: 1000.0)
    first.update([snapshot(new_delays=(4.0,))])
    keeping = asyncio.ensure_future(timelines.keep(first, str(tmp_path)))
    while not (tmp_path / timelines.NAME).exists():
        await asyncio.sleep(0.002)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    second = Board(wall=lambda: 1010.0)
    timelines.recall(second, str(tmp_path))
    assert delays(second) == [4000, 2]
    assert (tmp_path / timelines.NAME).stat().st_mode & 0o777 == 0o600


def test_what_is_no_timeline_is_left_alone(tmp_path: Path) -> None:
    there = tmp_path / timelines.NAME
    for content in (b"{", b'{"a": 3}', b"\xff", b"[]"):
        there.write_bytes(content)
        board = Board()
        timelines.recall(board, str(tmp_path))
        assert delays(board) == [2]
    there.unlink()
    os.mkfifo(there)
    timelines.recall(Board(), str(tmp_path))
    there.unlink()
    (tmp_path / "elsewhere").write_text("mine")
    there.symlink_to(tmp_path / "elsewhere")
    os.mkfifo(f"{there}.part")
    timelines.write({}, str(tmp_path))
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert there.read_text() == "{}"
    timelines.write({}, str(tmp_path / "nowhere"))
    there.unlink()
    there.mkdir()
    timelines.write({}, str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_bigger_than_any_timeline_is_left_where_it_is(tmp_path: Path) -> None:
    there = tmp_path / timelines.NAME
    others = {str(number): {"first": 1, "delays": [], "states": ""} for number in range(PROCESSES_MAX)}
    for content, found in (
        ({"12-0badcafe": {"first": 1, "delays": [999] * 20_000, "states": "h" * 20_000}}, [2]),
        ({"12-0badcafe": {"first": 0, "delays": [9], "states": "h"}}, [9, 2]),
        ({"12-0badcafe": {"first": 0, "delays": [9], "states": "h"}, **others}, [2]),
    ):
        there.write_text(json.dumps(content))
        board = Board(wall=lambda: 10.0)
        timelines.recall(board, str(tmp_path))
        assert delays(board) == found


def test_of_too_many_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = SavedTimeline(0, [9], "h")
    monkeypatch.setattr(timelines, "BYTES", 200)
    timelines.write({f"{pid}-0badcafe": one for pid in range(20)}, str(tmp_path))
    assert list(json.loads((tmp_path / timelines.NAME).read_text())) == ["19-0badcafe", "18-0badcafe", "17-0badcafe"]
    assert (tmp_path / timelines.NAME).stat().st_size <= 200
