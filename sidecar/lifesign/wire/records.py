"""What the main process writes: the shape of each record, and of the two blocks.

The agent writes these as JSON, the sidecar decodes them against the same types. Times are wall
clock nanoseconds unless a name says otherwise; ids are lower-case hex, 32 digits for a trace and
16 for a span. No shape has room for locals, arguments or environment values.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from lifesign.wire.frames import CaughtError
from lifesign.wire.frames import Frame as Frame
from lifesign.wire.frames import GroupEdge as GroupEdge
from lifesign.wire.threads import Backlog, OpenFiles, ThreadWait


class _Attached(TypedDict, total=False):
    attached: bool  # the agent was brought in while the process ran: when it booted, nobody watched


class Identity(_Attached):
    """Who the main process is. `otel_*` are the standard variables as they stood in its environment."""

    pid: int
    command: str  # argv[0] without its folder: arguments may hold secrets
    executable: str
    python: str
    implementation: str
    host: str
    instance: str  # a UUID, the default of service.instance.id
    started: int  # when the process began, as well as the platform can tell
    started_mono_ns: int
    boot_timeout: float
    heartbeat_interval: float
    trace: str
    boot_span: str
    parent_span: str | None  # from TRACEPARENT
    otel_service_name: str
    otel_resource_attributes: str
    worker: bool  # made by another Python process, with the same environment as its siblings
    agent: str  # version of lifesign in the main process


class Tombstone(TypedDict):
    """How the process ended, as far as it could tell by itself."""

    how: Literal["clean", "exception"]
    error: Failure | None
    ended: int
    beats: int
    events: int


class Failure(TypedDict):
    """An exception. `stack` holds files, lines and names, never values."""

    type: str
    message: str
    stack: str


class Checkpoint(TypedDict):
    """A checkpoint of the boot. One that is still open has no end; its record comes again with the same id."""

    kind: Literal["checkpoint"]
    id: str
    name: str
    number: int | None
    total: int | None
    start: int
    end: int | None
    error: Failure | None
    synthetic: bool


class BootExpects(TypedDict):
    """The service's own checkpoints that the boot is to reach, in their order."""

    kind: Literal["boot_expects"]
    names: list[str]


class BootEnded(TypedDict):
    """The boot is over; `diagnostic` is empty when it went well."""

    kind: Literal["boot_ended"]
    outcome: Literal["complete", "failed", "timed_out"]
    diagnostic: str
    end: int


class PostconditionResult(TypedDict):
    """The outcome of one check."""

    id: str
    name: str
    critical: bool
    passed: bool
    reason: str
    error: Failure | None
    start: int
    end: int


class PostconditionReport(TypedDict):
    """One run of post-conditions; `request` is the count of the request that it answers, 0 for none."""

    kind: Literal["postconditions"]
    trace: str
    id: str
    request: int
    start: int
    end: int
    passed: bool
    diagnostic: str
    results: list[PostconditionResult]
    synthetic: bool


class FinishedTasks(TypedDict):
    """Tasks of one coroutine function that ended one way not long ago.

    `outcome` is ``cancelled``, ``returned TYPE`` or ``raised TYPE``; `message` the text of the newest exception.
    """

    function: str
    outcome: str
    message: str
    count: int


class _Lately(TypedDict, total=False):
    thread_rings: list[list[ThreadWait]]  # threads that wait for each other and can never go on
    threads: int  # how many there are, without lifesign's own
    threads_looked: int  # at how many of them
    backlogs: list[Backlog]  # that only grow
    files: OpenFiles | None  # None where not nearly as many are open as may be
    fewest: int | None  # tasks, finished ones too, that were counted since the dump before; None if none was counted


class TaskDump(_Lately):
    """The summary of a task dump; its groups are records of their own, biggest first, and come before it.

    A dump that shows the same groups as an earlier one names it in `same_as` and has no groups of its own:
    `counts` are the tasks in each of the earlier one's, by index.
    """

    kind: Literal["task_dump"]
    id: str
    reason: str
    request: int  # the count of the request that this answers; 0 where nobody asked
    start: int
    end: int
    tasks: int
    groups: int
    omitted: int  # groups that are not in the dump
    same_as: str | None
    counts: list[int]
    cycles: list[list[str]]  # names of tasks that wait for each other in a ring and can never go on
    rings: list[list[RingStep]]  # the same rings with what is waited for
    finished: list[FinishedTasks]
    still: float | None  # for how many seconds nothing that waits has moved; None below a minute


class _Caught(TypedDict, total=False):  # by a sample of it
    cancelled: Literal["", "swallowed", "cleanup"]  # how it took its cancellation; empty if there was none
    errors: list[CaughtError]  # that it keeps


class TaskGroup(_Caught):
    """All the tasks with one await stack, outermost frame first."""

    kind: Literal["task_group"]
    dump: str
    index: int
    count: int
    looked: int  # at how many of them; the others stand for the same lines
    stack: list[Frame]
    names: list[str]
    states: dict[str, int]  # how many are "waiting", "ready" and "running"
    waits_for: str
    awaits: list[GroupEdge]
    waited_most: float | None  # seconds in the wait that they are in, as far as dumps and searches have seen it
    waited_least: float | None
    time_left: float | None  # seconds until a sleep or a timeout ends the wait of one of them
    keeps_the_loop: bool  # the loop runs until this task ends, as for ``asyncio.run(main())``
    oldest: float | None  # age in seconds, where creation is tracked (LIFESIGN_TASK_ORIGIN)
    newest: float | None
    origin: list[Frame]  # where a sample of the group was created, innermost frame last
    trace: str | None  # of the app's own span that a sample runs under
    span: str | None
    at: int


class RingStep(TypedDict):
    """A task of a deadlock: it waits at `at` for the next one, or for what that one holds (`primitive`, an index)."""

    task: str
    primitive: int | None
    at: Frame | None


class PrimitiveHolder(TypedDict):
    """Who holds a primitive: a task, or (None) a suspended async generator. `place` has the block; it waits at `at`."""

    task: str | None
    place: Frame
    at: Frame | None


class TaskPrimitive(TypedDict):
    """A primitive that tasks of a dump wait for, such as a lock, a queue or a pool.

    `held` is by how many it is held, where the primitive knows; `holders` are those that were found, up to HOLDERS_MAX.
    """

    kind: Literal["task_primitive"]
    dump: str
    index: int
    type: str  # such as "Lock", "Queue", "asyncpg pool"
    name: str  # what the user's code calls it, such as "OrderDesk._ledger"; empty where that is not known
    state: str  # such as "locked", "full, 100 of 100", "10 of 10 connections in use"
    how: str  # the method that is waited in, such as "acquire" or "get"; empty where nobody waits
    place: Frame | None  # in the user's own code, where somebody waits for it
    waiting: list[GroupEdge]  # how many of which groups wait for it
    holders: list[PrimitiveHolder]
    held: int | None


class _MoreOfStall(TypedDict, total=False):
    parked: bool  # nothing is to be done in the loop; not there if it is in use
    chain: list[ThreadWait]  # what the thread waits for, what its holder waits for, and so on
    ring: bool  # the last one of these waits for the first, with certainty
    call: str  # what it has asked the kernel for, where it waits for nothing of the process itself
    c_function: str  # that the innermost frame, the user's own, has called and waits in; empty where it is not certain
    samples: int  # that were taken since the loop last turned ...
    in_place: int  # ... so many of them in the user's own frame in which `stack` is
    computing: int  # ... and so many while the thread used the processor


class Stall(_MoreOfStall):
    """What the thread of an event loop is doing while the loop does not turn, outermost frame first."""

    kind: Literal["stall"]
    loop: int  # vital sign slot
    since: int  # wall clock time of the loop's last beat
    at: int
    busy: bool | None  # whether the thread uses the processor; None where that is unknown
    stack: list[Frame]


class DryRunEvent(TypedDict):
    """One synthetic event that went through the service's own handler.

    At high rates they are sampled: `adjusted_count` is how many events this one stands for, 0 where it is
    written only because it failed.
    """

    kind: Literal["dry_run"]
    trace: str
    id: str
    type: str
    index: int
    start: int
    end: int
    error: Failure | None
    adjusted_count: int


class DryRunCount(TypedDict):
    """Synthetic events of one type; `failed` are those whose handler raised."""

    type: str
    handled: int
    failed: int


class DryRunTotals(TypedDict):
    """All the dry runs of the process since it began, written once a second while one runs, and at its end.

    `skipped` are events that were not made because the handler took too long; `lag` is by how many seconds the
    slowest run that goes on is behind its schedule now.
    """

    kind: Literal["dry_run_totals"]
    at: int
    types: list[DryRunCount]
    skipped: int
    lag: float


class AgentWarning(TypedDict):
    """Something that the agent could not do; `count` is how many warnings there were since the process began."""

    kind: Literal["agent_warning"]
    text: str
    count: int
    at: int
