"""Everything on one process but its tasks, its stacks and its past, which have addresses of their own."""

from __future__ import annotations

import msgspec

from lifesign.judge import states
from lifesign.serve.behind import Excerpt
from lifesign.serve.board import ShownProcess, StripBar
from lifesign.serve.shown.rows import RowView
from lifesign.watch.telemetry import Attributes, CauseReading, Snapshot

STALLS = 50  # culprits of one process ...
STACKS = 5  # ... and so many of them with a stack


class CauseView(msgspec.Struct, frozen=True):
    """A cause, and the lines of source around its place, with their numbers, where they can be had."""

    word: str
    sentence: str
    function: str
    file: str
    line: int
    evidence: tuple[str, ...]
    excerpt: list[tuple[int, str]]


class VersionsView(msgspec.Struct, frozen=True):
    """What there is at the other addresses of a process: one that grows has something new."""

    history: int
    tasks: int
    stacks: int


class DetailView(msgspec.Struct, frozen=True):
    """`stack` is that of the newest error that is not over, where the process is ill.

    `looked_at` is when its tasks were last looked at, in wall clock milliseconds; 0 where they never were.
    """

    row: RowView
    process: Snapshot
    resource: Attributes
    causes: list[CauseView]
    looked_at: int
    stack: str
    strip: list[StripBar]
    versions: VersionsView


def detail(process: ShownProcess, excerpt: Excerpt) -> DetailView | None:
    """None where the process has no row yet."""
    snapshot, row = process.snapshot, process.row
    if snapshot is None or row is None:
        return None
    return DetailView(
        row=msgspec.structs.replace(row, spark="".join(process.spark), tasks=snapshot.tasks),
        process=trimmed(snapshot),
        resource=process.resource,
        causes=[_cause(cause, excerpt) for cause in snapshot.causes],
        looked_at=snapshot.looked_at() // 1_000_000,
        stack=process.history.newest_stack(over=not snapshot.alive) if snapshot.state in states.ILL else "",
        strip=list(process.strip),
        versions=VersionsView(
            history=process.history.version,
            tasks=process.dumps.version,
            stacks=sum(stall.samples for stall in snapshot.stalls) + sum(loop.samples for loop in snapshot.busy),
        ),
    )


def trimmed(snapshot: Snapshot) -> Snapshot:
    """Without what has addresses of its own: of what stalled most it has the first stack."""
    stalls = tuple(
        msgspec.structs.replace(stall, stacks=stall.stacks[: int(place < STACKS)])
        for place, stall in enumerate(snapshot.stalls[:STALLS])
    )
    busy = tuple(msgspec.structs.replace(loop, stacks=loop.stacks[:1]) for loop in snapshot.busy)
    return msgspec.structs.replace(snapshot, new_delays=(), dump=None, stalls=stalls, busy=busy)


def _cause(cause: CauseReading, excerpt: Excerpt) -> CauseView:
    lines = excerpt(cause.file, cause.line) if cause.file else []
    return CauseView(cause.word, cause.sentence, cause.function, cause.file, cause.line, cause.evidence, lines)
