"""After an ill end: the report, and the page that stays up while somebody looks at it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lifesign.cli.sidecar import aftermath
from lifesign.cli.sidecar.aftermath import linger, save_report
from lifesign.serve.board import Board
from lifesign.watch.sources import no_source
from support.made.boards import snapshot
from support.waiting import in_time


async def test_only_an_ill_end_is_saved_and_it_is_said_where(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    board = Board()
    board.update([snapshot("12-a", "stopped")])
    assert not await save_report(board, no_source, tmp_path)
    board.update([snapshot("12-a", "dead")])
    assert await save_report(board, no_source, tmp_path)
    (page,) = tmp_path.glob("*.html")
    assert capfd.readouterr().err == f"lifesign: what is known of the end is saved: {page} (lifesign last shows it)\n"


async def test_a_report_that_cannot_be_written_is_no_harm(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    board = Board()
    board.update([snapshot("12-a", "dead")])
    (tmp_path / "file").touch()
    assert await save_report(board, no_source, tmp_path / "file")
    assert "cannot be saved in" in capfd.readouterr().err


async def test_the_page_stays_while_it_is_open_and_is_no_older_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aftermath, "ALONE_S", 0.01)
    monkeypatch.setattr(aftermath, "_POLL_S", 0.002)
    board = Board()
    board.update([snapshot("12-a", "dead")])
    board.viewers = 1
    staying = asyncio.ensure_future(linger(board, "http://x", asyncio.Event()))
    await asyncio.sleep(0.03)
    assert not staying.done()
    assert board.poll_age() is None
    assert board.verdict().word == "dead"
    board.viewers = 0
    await in_time(staying)


async def test_it_ends_at_once_where_that_is_asked_for() -> None:
    board = Board()
    board.viewers = 1
    asked = asyncio.Event()
    asked.set()
    await in_time(linger(board, "http://x", asked))
