"""Timelines survive the sidecar, and what somebody else put in their place is no harm."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lifesign.cli.sidecar import timelines
from lifesign.serve.board import Board
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
    Path(f"{there}.part").symlink_to(tmp_path / "elsewhere")
    timelines.write({}, str(tmp_path))
    assert (tmp_path / "elsewhere").read_text() == "mine"
    timelines.write({}, str(tmp_path / "nowhere"))
