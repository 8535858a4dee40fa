"""The timelines of the page, kept in the run directory: a sidecar that is started again goes on with them.

Others may be able to write there. So what is read is bounded, has a type, and is never followed through a link; and
what is written has a name that nobody knows beforehand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import msgspec

from lifesign.judge.rundir import PROCESSES_MAX
from lifesign.off_loop import off_loop
from lifesign.serve.board import Board
from lifesign.serve.shown.timeline import SavedTimeline

NAME = "timelines.json"
EVERY_S = 30.0
BYTES = 4 << 20  # of all
_BYTES_EACH = 64 << 10  # as numbers they take ten times as much

_all = msgspec.json.Decoder(dict[str, msgspec.Raw])  # of each only where it is, until its process is there
_one = msgspec.json.Decoder(SavedTimeline)


def remember(board: Board, directory: str) -> asyncio.Task[None]:
    """Goes on with what is there, and writes it down now and then until the task is cancelled."""
    recall(board, directory)
    return asyncio.create_task(keep(board, directory), name="lifesign timelines")


def recall(board: Board, directory: str) -> None:
    """Reads what an earlier sidecar has left; anything else is left alone."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        descriptor = os.open(os.path.join(directory, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            board.recall(RecalledTimelines(opened.read(BYTES)).take)


class RecalledTimelines:
    """What was saved of each process.

    Raises:
        MsgspecError: it is something else.
    """

    def __init__(self, content: bytes) -> None:
        found = _all.decode(content)
        self._found = found if len(found) <= PROCESSES_MAX else {}

    def take(self, key: str) -> SavedTimeline | None:
        """That of one process, once; None where there is none."""
        raw = self._found.pop(key, None)
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            if raw is not None and len(memoryview(raw)) <= _BYTES_EACH:
                return _one.decode(raw)
        return None


async def keep(board: Board, directory: str) -> None:
    """Writes them down now and then, until it is cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        await off_loop(write, board.timelines(), directory)


def write(timelines: dict[str, SavedTimeline], directory: str) -> None:
    """Replaces what is there; of too many the newest are kept, and a disk that is full is no harm."""
    kept: dict[str, msgspec.Raw] = {}
    room = BYTES - 2
    for key, timeline in reversed(timelines.items()):
        raw = msgspec.json.encode(timeline)
        room -= len(raw) + len(key) + 4
        if room < 0:
            break
        kept[key] = msgspec.Raw(raw)
    path = os.path.join(directory, NAME)
    part = f"{path}.{os.urandom(8).hex()}"
    with contextlib.suppress(OSError):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as opened:
                opened.write(msgspec.json.encode(kept))
            os.replace(part, path)
        except OSError:
            os.unlink(part)
            raise
