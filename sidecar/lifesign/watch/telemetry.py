"""Spans, log records, profiles and snapshots as the sidecar makes them, independent of any protocol.

`watch` makes them, `export` spools and sends them, `serve` shows them. Ids and times are fixed when telemetry is
made, so that a replay is recognisable. Nothing in them refers back to them, so the garbage collector need not look at
them (``gc=False``).
"""

from __future__ import annotations

from typing import Any, Union

import msgspec

from lifesign import semconv
from lifesign.wire.stalls import StackTime

Value = Union[str, bool, int, float, list[str]]
Attributes = dict[str, Value]

OTHER_STALLS = "other"  # what stalled loops, and is counted together
_OUTCOMES = (semconv.CHECKPOINT_TIMED_OUT, semconv.CHECKPOINT_COMPLETE)  # checkpoints that say how a boot ended

SEVERITY_INFO = 9  # numbers of the OpenTelemetry log data model
SEVERITY_WARN = 13
SEVERITY_ERROR = 17
SEVERITY_FATAL = 21


class Resource(msgspec.Struct, frozen=True):
    """Whose telemetry it is. `key` is the name of the process's folder in the run directory."""

    key: str
    attributes: Attributes


class Span(msgspec.Struct, tag="span", frozen=True, gc=False):
    """A finished span; times in wall clock nanoseconds, ids in hex, `error` the status description."""

    resource: str  # the key of a Resource
    trace: str
    id: str
    name: str
    start: int
    end: int
    parent: str | None = None
    remote_parent: bool = False
    error: str | None = None
    attributes: Attributes = {}


class Log(msgspec.Struct, tag="log", frozen=True, gc=False):
    """A log record with an event name."""

    resource: str  # the key of a Resource
    uid: str
    event: str
    time: int
    observed: int
    severity: int
    body: str
    trace: str | None = None
    span: str | None = None
    attributes: Attributes = {}


class Profile(msgspec.Struct, tag="profile", frozen=True, gc=False):
    """What a thread did for some time, by samples of its stack; times in wall clock nanoseconds.

    `trace` and `span` are of the span that it belongs to, where there is one; `thread` is the thread's name, empty
    where it is the event loop's.
    """

    resource: str  # the key of a Resource
    id: str
    start: int
    end: int
    stacks: list[StackTime]
    thread: str = ""
    trace: str | None = None
    span: str | None = None
    attributes: Attributes = {}


Telemetry = Union[Span, Log, Profile]


class EventReading(msgspec.Struct, frozen=True):
    """One event name of one process; `age` in seconds, since boot until the first event.

    `stand_in`: the age is that of a synthetic event, in a dry run that no real event came to.
    """

    name: str
    count: int
    synthetic: int
    age: float
    deadline: float | None
    stand_in: bool = False


class PostconditionReading(msgspec.Struct, frozen=True):
    """The newest outcome of one check."""

    name: str
    passed: bool
    critical: bool
    reason: str


class DryRunReading(msgspec.Struct, frozen=True):
    """All the dry runs of a process since it began: handled and failed events by type; `lag` in seconds."""

    types: dict[str, tuple[int, int]]
    skipped: int
    lag: float


class CheckpointReading(msgspec.Struct, frozen=True):
    """One checkpoint as the page and `lifesign status` show it; times in wall clock nanoseconds.

    `took` is its length in seconds or, of one that is only passed, the time since the one before; None while it is
    open. `usual` is what that was in the boots before, None where they are too few; `late`: it is far longer now.
    """

    name: str
    number: int | None
    start: int
    end: int | None
    error: str | None
    total: int | None = None
    took: float | None = None
    usual: float | None = None
    late: bool = False


class CauseReading(msgspec.Struct, frozen=True):
    """Why a process is ill; see `judge.causes`. `function`, `file` and `line` are of the user's own code, or empty."""

    word: str
    sentence: str
    function: str
    file: str
    line: int
    evidence: tuple[str, ...] = ()


class StallReading(msgspec.Struct, frozen=True):
    """What has stalled event loops since the process began; see `wire.stalls.StallCulprit`.

    Lengths are seconds, `last` is wall clock nanoseconds. `what` is `OTHER_STALLS`, and `id` 0, of those that the main
    process has counted together. `function` and `file` are empty where nobody is to blame.
    """

    id: int
    what: str
    function: str = ""
    file: str = ""
    line: int = 0
    thread: str = ""  # that held the GIL; empty where it is the loop's own
    loop: int = 0
    count: int = 0
    total: float = 0.0
    worst: float = 0.0
    last: int = 0
    samples: int = 0
    computing: float = 0.0
    task: str = ""
    coroutine: str = ""
    stacks: tuple[StackTime, ...] = ()


class BusyReading(msgspec.Struct, frozen=True):
    """A loop that turns without a pause, since when (wall clock nanoseconds), and what samples show it to do."""

    loop: int
    since: int
    utilization: float
    samples: int
    in_place: int
    function: str = ""
    file: str = ""
    line: int = 0
    stacks: tuple[StackTime, ...] = ()


class MemoryReading(msgspec.Struct, frozen=True):
    """The memory of the control group that limits a process most, in bytes."""

    used: int
    limit: int


class UsageReading(msgspec.Struct, frozen=True):
    """What a process uses, and has used since it began; None where that is not known.

    Processor times are seconds, `memory` is bytes. `garbage` has for each generation of the garbage collector
    collections, collected and uncollectable objects.
    """

    user: float = 0.0
    system: float = 0.0
    voluntary: int | None = None  # context switches
    involuntary: int | None = None
    minor_faults: int = 0
    major_faults: int = 0
    memory: int | None = None
    threads: int | None = None
    descriptors: int | None = None
    garbage: tuple[tuple[int, ...], ...] = ()
    container: MemoryReading | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """One process at one moment: the source of metrics, page, health and `lifesign status`.

    Ages and durations are seconds on the monotonic clock. `beats`, `events` and `dropped` are
    cumulative since the process began; `new_delays` are the event loop delays seen since the
    snapshot before. `failing` counts the critical post-conditions that do not hold.
    """

    key: str
    pid: int
    command: str
    service: str
    instance: str
    state: str
    why: str
    alive: bool
    expected: bool
    uptime: float
    beats: int
    beat_age: float
    heartbeat_timeout: float
    tasks: int
    loops: int
    events: tuple[EventReading, ...]
    postconditions: tuple[PostconditionReading, ...]
    checkpoints: tuple[CheckpointReading, ...]
    boot: str  # "starting", "complete", "failed" or "timed_out"
    boot_duration: float | None
    dropped: dict[str, int]  # by reason: "ring", "invalid"
    boot_diagnostic: str = ""
    boot_missing: tuple[str, ...] = ()  # names of expected checkpoints
    boot_trace: str = ""
    boot_usual: float | None = None  # what the boots before took; None where they are too few
    failing: int = 0
    new_delays: tuple[float, ...] = ()
    synthetic_postconditions: tuple[PostconditionReading, ...] = ()  # those that ran as synthetic work
    dry_run: DryRunReading | None = None
    unwatched_loops: int = 0  # that run beyond the bound on those that are watched
    causes: tuple[CauseReading, ...] = ()  # the one that explains most first
    conditions: tuple[str, ...] = ()  # besides its state: "busy", "stalling" and so on; see `judge.causes.stalls`
    stalls: tuple[StallReading, ...] = ()  # that with the most time first
    busy: tuple[BusyReading, ...] = ()
    utilization: float | None = None  # 0..1, of the busiest loop; None where it is not known
    active: float | None = None  # seconds of all loops since this sidecar watches
    idle: float | None = None
    usage: UsageReading | None = None
    dump: Any = None  # the newest task dump, a `judge.causes.findings.Dump`; for those who show it

    def looked_at(self) -> int:
        """When its tasks were last looked at, wall clock nanoseconds; 0 where they never were."""
        return 0 if self.dump is None else int(self.dump.summary["end"])

    def stopped_at(self) -> CheckpointReading | None:
        """The checkpoint where an incomplete boot is: the one in progress, else the last one reached."""
        own = [one for one in self.checkpoints if one.name not in _OUTCOMES]
        return next((one for one in reversed(own) if one.end is None), own[-1] if own else None)
