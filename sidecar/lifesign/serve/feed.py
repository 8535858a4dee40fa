"""What a client of the page is sent without asking: changed rows, a beat now and then, and no more.

An event ``rows`` has whole rows, those that have changed since the one before. An event ``beat`` has one character for
each sparkline, in the order of the rows' ids, and the numbers of tasks that have changed: so two hundred healthy
processes cost a few hundred bytes each two seconds. A client that nobody looks at is sent ``verdict`` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from lifesign.serve.board import Board
from lifesign.serve.shown.rows import RowView, VerdictView

SCHEMA = 1  # of all that the API answers; it grows where something is renamed or goes
INTERVAL_S = 0.25  # at most four events a second ...
BYTES_PER_SECOND = 1 << 20  # ... and fewer where one is big
BEAT_S = 2.0  # after which a client hears that we are still there
HIDDEN_BEAT_S = 10.0

_encoder = msgspec.json.Encoder()


class RowsEvent(msgspec.Struct, frozen=True):
    """`version` is of the rows; where they are `whole`, what is not among them is gone."""

    schema: int
    version: int
    at: int
    whole: bool
    rows: list[RowView]
    gone: list[str]
    verdict: VerdictView


class ProcessesView(msgspec.Struct, frozen=True):
    """Every row, and one verdict on all of them; `at` is wall clock milliseconds."""

    version: int
    at: int
    rows: list[RowView]
    verdict: VerdictView


class BeatEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """`age` is the time since the newest poll in seconds, `tasks` are pairs of a row's id and its number of tasks.

    `sidecar` has a line for each thing that keeps the sidecar from working, and one on what is exported where.
    """

    at: int
    age: float | None
    bars: str = ""
    tasks: list[tuple[int, int]] = []
    sidecar: tuple[str, ...] = ()


class VerdictEvent(msgspec.Struct, frozen=True):
    """For a client that nobody looks at."""

    schema: int
    at: int
    age: float | None
    verdict: VerdictView


class Feed:
    """What has changed on a board.

    Args:
        board: what is shown.
        wall: wall clock seconds.
        problems: gives the lines of `BeatEvent.sidecar`.
    """

    def __init__(self, board: Board, wall: Callable[[], float], problems: Callable[[], tuple[str, ...]]) -> None:
        self._board = board
        self._wall = wall
        self._problems = problems

    def rows(self, known: int = -1) -> RowsEvent:
        """The rows that a client does not know which knows those up to version `known`."""
        rows, gone, whole = self._board.rows(known)
        return RowsEvent(
            schema=SCHEMA,
            version=self._board.version,
            at=self._now(),
            whole=whole,
            rows=rows,
            gone=gone,
            verdict=self._board.verdict(),
        )

    def processes(self) -> ProcessesView:
        """Everything, for who asks once."""
        rows, _, _ = self._board.rows()
        return ProcessesView(self._board.version, self._now(), rows, self._board.verdict())

    async def events(self, interval: float = INTERVAL_S) -> AsyncIterator[bytes]:
        """Server-sent events for a client that somebody looks at."""
        known, beats, quiet = -1, self._board.beats, BEAT_S
        while True:
            sent = b""
            if known < 0 or self._board.version > known:
                event = self.rows(known)
                known = event.version
                sent = _event("rows", event)
            if self._board.beats > beats or quiet >= BEAT_S:
                sent += _event("beat", self._beat(new=self._board.beats > beats))
                beats, quiet = self._board.beats, 0.0
            if sent:
                yield sent
            pause = max(interval, len(sent) / BYTES_PER_SECOND)
            await asyncio.sleep(pause)
            quiet += pause

    async def verdicts(self, interval: float = INTERVAL_S) -> AsyncIterator[bytes]:
        """Server-sent events for a client that nobody looks at."""
        sent: VerdictView | None = None
        quiet, version = 0.0, -1
        while True:
            if version != self._board.version or quiet >= HIDDEN_BEAT_S:
                version, verdict = self._board.version, self._board.verdict()
                if verdict != sent or quiet >= HIDDEN_BEAT_S:
                    sent, quiet = verdict, 0.0
                    yield _event("verdict", VerdictEvent(SCHEMA, self._now(), self._age(), verdict))
            await asyncio.sleep(interval)
            quiet += interval

    def _beat(self, *, new: bool) -> BeatEvent:
        bars, tasks = (self._board.bars, self._board.busy) if new else ("", [])
        return BeatEvent(self._now(), self._age(), bars, tasks, self._problems())

    def _age(self) -> float | None:
        age = self._board.poll_age()
        return None if age is None else round(age, 1)

    def _now(self) -> int:
        return int(self._wall() * 1000)


def _event(name: str, content: msgspec.Struct) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encoder.encode(content) + b"\n\n"
