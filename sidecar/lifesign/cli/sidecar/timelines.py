"""The timelines of the page, kept in the run directory: a sidecar that is started again goes on with them.

Others may be able to write there. So what is read is bounded, has a type, and is never followed through a link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import msgspec

from lifesign.off_loop import off_loop
from lifesign.serve.board import Board
from lifesign.serve.shown.timeline import SavedTimeline

NAME = "timelines.json"
EVERY_S = 30.0
BYTES = 8 << 20

_decoder = msgspec.json.Decoder(dict[str, SavedTimeline])


def remember(board: Board, directory: str) -> asyncio.Task[None]:
    """Goes on with what is there, and writes it down now and then until the task is cancelled."""
    recall(board, directory)
    return asyncio.create_task(keep(board, directory), name="lifesign timelines")


def recall(board: Board, directory: str) -> None:
    """Reads what an earlier sidecar has left; anything else is left alone."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        descriptor = os.open(os.path.join(directory, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            board.recall(_decoder.decode(opened.read(BYTES)))


async def keep(board: Board, directory: str) -> None:
    """Writes them down now and then, until it is cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        await off_loop(write, board.timelines(), directory)


def write(timelines: dict[str, SavedTimeline], directory: str) -> None:
    """Replaces what is there; a disk that is full is no harm."""
    path = os.path.join(directory, NAME)
    with contextlib.suppress(OSError):
        part = os.open(f"{path}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(part, "wb") as opened:
            opened.write(msgspec.json.encode(timelines))
        os.replace(f"{path}.part", path)
