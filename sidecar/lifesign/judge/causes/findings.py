"""What the cause of an illness is looked for in, and what is found: plain records, without a judgement of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lifesign.wire.records import Failure, Frame, Stall, TaskDump, TaskGroup, TaskPrimitive
    from lifesign.wire.threads import ExecutorState, ThreadGroup


class Dump(NamedTuple):
    """A task dump with all its records."""

    summary: TaskDump
    groups: tuple[TaskGroup, ...] = ()
    primitives: tuple[TaskPrimitive, ...] = ()
    threads: tuple[ThreadGroup, ...] = ()
    executors: tuple[ExecutorState, ...] = ()


class Findings(NamedTuple):
    """What is known of a process: its state, the newest task dump, what the threads of blocked loops do, and the
    exception that ended it.
    """

    state: str
    dump: Dump | None = None
    stalls: tuple[Stall, ...] = ()
    error: Failure | None = None


class Cause(NamedTuple):
    """A cause: a short stable word, the sentence, the place in the user's own code, and what else was seen."""

    word: str
    sentence: str
    place: Frame | None = None
    evidence: tuple[str, ...] = ()
