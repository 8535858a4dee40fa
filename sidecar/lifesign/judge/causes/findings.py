"""What the cause of an illness is looked for in, and what is found: plain records, without a judgement of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifesign.judge import states

if TYPE_CHECKING:
    from lifesign.judge.gil.holder import GilHolder
    from lifesign.wire.complaints import AsyncioComplaint, TaskDied, TaskEnded
    from lifesign.wire.records import Failure, Frame, Stall, TaskDump, TaskGroup, TaskPrimitive
    from lifesign.wire.stalls import BusyLoop, StallCulprit
    from lifesign.wire.threads import ExecutorState, ThreadGroup


# What is waited for explains nothing in these: a service that is well waits all the time, and a dead one for nothing.
WAITS_EXPLAIN_NOTHING = (states.STARTING, states.HEALTHY, states.IDLE, states.DEAD)
RECENT_NS = 300_000_000_000  # for which stalls are recent: an alert on delays looks back as far


class Dump(NamedTuple):
    """A task dump with all its records."""

    summary: TaskDump
    groups: tuple[TaskGroup, ...] = ()
    primitives: tuple[TaskPrimitive, ...] = ()
    threads: tuple[ThreadGroup, ...] = ()
    executors: tuple[ExecutorState, ...] = ()


class TasksSeen(NamedTuple):
    """How many tasks there were of each function when a dump was taken, wall clock nanoseconds.

    `fewest` is how many there were of all functions together in between, since the one before; None if not counted.
    """

    at: int
    unfinished: dict[str, int]
    finished: dict[str, int]
    fewest: int | None = None

    def of(self, function: str) -> int:
        return self.unfinished.get(function, 0) + self.finished.get(function, 0)


class Asked(NamedTuple):
    """The end of the process was asked for: by which signal, when (wall clock), and how long it has been there since.

    Both in nanoseconds; the signal is empty where it is not known.
    """

    signal: str
    at: int
    ago: int


class Exiting(NamedTuple):
    """The program has come to its end by itself: what Python waits for (`layout.ENDING_LOOP` and so on), since when
    (wall clock) and for how long, both in nanoseconds."""

    phase: int
    at: int
    ago: int


class StallsSeen(NamedTuple):
    """What has stalled event loops since the process began, and how often and how long it did so not long ago.

    `recent` counts the stalls of the last `RECENT_NS`, `recent_time` has their nanoseconds.
    """

    culprit: StallCulprit
    recent: int
    recent_time: int


class Findings(NamedTuple):
    """What is known of a process: its state, the newest task dump, what the threads of blocked loops do, the exception
    that ended it, the tasks that died and what asyncio complained of, the newest first, the wall clock time, how
    many tasks the dumps before have shown, how the boot went, whether the process was asked to end, since when an
    event is overdue (wall clock; 0 where none is), what has stalled its loops, what its loops do that are busy, who
    may hold the GIL of a process that is frozen, what says that the OOM killer ended it, how the
    program ends, and the tasks that ran for most of the time and ended when an event stayed away.
    """

    state: str
    dump: Dump | None = None
    stalls: tuple[Stall, ...] = ()
    error: Failure | None = None
    deaths: tuple[TaskDied, ...] = ()
    complaints: tuple[AsyncioComplaint, ...] = ()
    wall: int = 0
    earlier: tuple[TasksSeen, ...] = ()
    boot: str = ""
    asked: Asked | None = None
    overdue: int = 0
    culprits: tuple[StallsSeen, ...] = ()
    busy: tuple[BusyLoop, ...] = ()
    holders: tuple[GilHolder, ...] = ()
    oom: str | None = None
    exiting: Exiting | None = None
    ended: tuple[TaskEnded, ...] = ()


class Cause(NamedTuple):
    """A cause: a short stable word, the sentence, the place in the user's own code, and what else was seen."""

    word: str
    sentence: str
    place: Frame | None = None
    evidence: tuple[str, ...] = ()
