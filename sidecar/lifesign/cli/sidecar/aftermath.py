"""After an ill end: what is known of it is saved, and the page may stay up while somebody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Mapping, NamedTuple

from lifesign.cli.output.terminal import say
from lifesign.cli.sidecar.deadline import Deadline
from lifesign.off_loop import off_loop
from lifesign.serve.board import Board
from lifesign.serve.reports import collect, directory, ended_ill, save
from lifesign.watch.sources import Source

ALONE_S = 60.0  # that the page waits for somebody to open it, or to open it again
_POLL_S = 0.25


class Linger(NamedTuple):
    """The page stays up at `url` until `enough` is set; `deadline` is that of the sidecar's exit."""

    url: str
    enough: asyncio.Event
    deadline: Deadline


async def after_the_end(board: Board, source: Source, environ: Mapping[str, str], lingers: Linger | None) -> None:
    """Saves what is known of an ill end, and keeps the page up where it lingers."""
    if await save_report(board, source, directory(environ)) and lingers is not None:
        lingers.deadline.lift()
        await linger(board, lingers.url, lingers.enough)
        lingers.deadline.begin()


async def save_report(board: Board, source: Source, folder: Path) -> bool:
    """Saves what is known of processes that ended ill; returns whether they did."""
    if not ended_ill(board.watched()):
        return False
    try:
        page = await off_loop(save, await off_loop(collect, board.all_shown(), source), folder)
    except OSError as error:
        say(f"what is known of the end cannot be saved in {folder}: {error.strerror or error}")
    else:
        say(f"what is known of the end is saved: {page} (lifesign last shows it)")
    return True


async def linger(board: Board, url: str, asked: asyncio.Event) -> None:
    """Keeps the page up until nobody has had it open for a while, or until that is asked for."""
    say(f"the page stays up at {url}/ while it is open; Ctrl-C ends it")
    board.freeze()
    alone = 0.0
    while alone < ALONE_S and not asked.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asked.wait(), _POLL_S)
        alone = 0.0 if board.viewers else alone + _POLL_S
