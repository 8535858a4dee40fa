"""What the main process writes of short stalls and of loops that spin; see `wire.records`.

All numbers are totals since the process began, so that the newest record of a culprit is the truth and nothing is
missed when the ring wraps. Times are nanoseconds.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from lifesign.wire.frames import Frame

# What stalled a loop: one call, many short callbacks, the garbage collector, or the machine, where nobody is blamed:
# the CPU quota, too little processor time, page faults, a hypervisor that took the processor, a stopped process.
StallKind = Literal["call", "callbacks", "gc", "quota", "starved", "paging", "steal", "stopped"]


class StackTime(TypedDict):
    """One stack, outermost frame first, and how long the samples that show it stand for."""

    stack: list[Frame]
    samples: int
    time: int
    computing: int  # of `time`, while the thread used the processor


class StallCulprit(TypedDict):
    """What has stalled event loops, added up by the user's own frame.

    `total` is the time of the stalls it had a part in, as far as they are its own; `worst` is the longest of them and
    `last` when the newest one ended, wall clock. The task, and the app's span, are those of the worst.
    """

    kind: Literal["stall_culprit"]
    id: int  # from 1 on; stays the culprit's for the life of the process
    what: StallKind
    loop: int  # vital sign slot, of the newest
    thread: str  # the name of the thread that held the GIL meanwhile; empty where it is the loop's own
    place: Frame | None  # the user's own frame, or else the innermost; None where nobody is to blame
    count: int
    total: int
    worst: int
    last: int
    samples: int
    computing: int  # of `total`, while the thread used the processor; the rest it waited
    task: str
    coroutine: str
    trace: str | None
    span: str | None
    stacks: list[StackTime]  # that with the most time first
    at: int


class CulpritTotal(TypedDict):
    """The numbers of one culprit, whose record came before."""

    id: int
    count: int
    total: int
    worst: int
    last: int
    samples: int
    computing: int


class StallTotals(TypedDict):
    """The numbers of all culprits, now and then while they grow; `others` are those beyond CULPRITS_MAX."""

    kind: Literal["stall_totals"]
    at: int
    culprits: list[CulpritTotal]
    others: int
    others_total: int


class NextTask(TypedDict):
    """A task that ran, or was to run next, in so many samples in which no code of the program's own ran."""

    task: str
    count: int
    place: Frame | None


class _Next(TypedDict, total=False):
    next: NextTask | None  # where it was the same one in most of the samples


class BusyLoop(_Next):
    """What a loop does that turns without a pause, from samples spread over some time.

    `samples` are those in which code of the program's ran, or was about to; `in_place` of them in `place`.
    """

    kind: Literal["busy_loop"]
    loop: int  # vital sign slot
    since: int  # wall clock
    at: int
    utilization: float  # 0..1
    samples: int
    in_place: int
    place: Frame | None
    stacks: list[StackTime]
