"""What the page and the health endpoints show: the newest state and the recent past of each process. No I/O."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from lifesign.judge import states
from lifesign.serve.flame import flame
from lifesign.serve.history import DumpView, History
from lifesign.watch.telemetry import Attributes, Resource, Snapshot, Telemetry

STRIP = 120  # bars of the heartbeat strip, one a poll
KEEP_GONE_S = 900.0  # how long a process is shown that is no longer watched
KEEP_GONE = 20
SHOWN = 100  # processes on the page; the ill ones come first
STALLS = 12  # culprits of one process on the page ...
STACKS = 5  # ... and so many of them with a stack
BYTES = 4 << 20  # of all histories

# Worst first; processes that ended come after those that run.
_ORDER = (
    states.FROZEN,
    states.BLOCKED,
    states.SILENT,
    states.DEGRADED,
    states.STARTING,
    states.IDLE,
    states.HEALTHY,
    states.DEAD,
    states.STOPPED,
)
_BEATING = (states.HEALTHY, states.SILENT, states.DEGRADED, states.BLOCKED, states.FROZEN)


class StripBar(msgspec.Struct, frozen=True, array_like=True):
    """One poll of one process: the worst event loop delay since the previous poll, in seconds.

    None without a beat; the age of the newest beat where the next one is overdue.
    """

    delay: float | None
    state: str


class ProcessView(msgspec.Struct, frozen=True):
    """Everything that the page shows of one process. `timeline` and `dump`: see `serve.history`."""

    process: Snapshot
    watched: bool
    resource: Attributes
    strip: list[StripBar]
    timeline: list[msgspec.Raw]
    dump: DumpView | None


class StateView(msgspec.Struct, frozen=True):
    """The whole page. `counts` holds every process by state, also those that are not in `processes`."""

    version: int
    counts: dict[str, int]
    hidden: int
    processes: list[ProcessView]


class _ShownProcess:
    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.whole: Snapshot | None = None  # with all its stacks
        self.gone_since: float | None = None
        self.resource: Attributes = {}
        self.strip: deque[StripBar] = deque(maxlen=STRIP)
        self.history = History()

    def update(self, snapshot: Snapshot) -> None:
        # The strip of a process that ended shows how it ended, so it stands still.
        if not (self.strip and self.strip[-1].state in states.ENDED):
            self.strip.append(StripBar(_worst_delay(snapshot), snapshot.state))
        self.snapshot, self.whole = _for_the_page(snapshot), snapshot
        self.gone_since = None


def _for_the_page(snapshot: Snapshot) -> Snapshot:
    """Without what would be sent four times a second and not be shown: of what stalled most it has the first stack."""
    stalls = tuple(
        msgspec.structs.replace(stall, stacks=stall.stacks[: int(place < STACKS)])
        for place, stall in enumerate(snapshot.stalls[:STALLS])
    )
    busy = tuple(msgspec.structs.replace(loop, stacks=loop.stacks[:1]) for loop in snapshot.busy)
    return msgspec.structs.replace(snapshot, new_delays=(), stalls=stalls, busy=busy)


class Board:
    """The newest state of every process and its recent past, in bounded memory.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._processes: dict[str, _ShownProcess] = {}
        self._updated: float | None = None
        self.version = 0  # grows whenever there is something new to show

    def update(self, snapshots: Sequence[Snapshot]) -> None:
        """Take the newest snapshot of every watched process; one that is missing is no longer watched."""
        now = self._updated = self._clock()
        seen = {snapshot.key for snapshot in snapshots}
        for snapshot in snapshots:
            self._processes.setdefault(snapshot.key, _ShownProcess()).update(snapshot)
        for key in [key for key in self._processes if key not in seen]:
            process = self._processes[key]
            if process.gone_since is None:
                process.gone_since = now
            if process.snapshot is None or now - process.gone_since > KEEP_GONE_S:
                del self._processes[key]
        gone = sorted(self._gone(), key=lambda key: self._processes[key].gone_since or 0.0)
        for key in gone[: max(0, len(gone) - KEEP_GONE)]:
            del self._processes[key]
        self.version += 1

    def add(self, resources: Iterable[Resource], records: Iterable[Telemetry]) -> None:
        """Keep what happened. Records of a process that the next `update` does not know are dropped by it."""
        for resource in resources:
            self._processes.setdefault(resource.key, _ShownProcess()).resource = resource.attributes
        for record in records:
            self._processes.setdefault(record.resource, _ShownProcess()).history.add(record)
            self.version += 1
        self._shrink_to_fit()

    def poll_age(self) -> float | None:
        """Seconds since the newest `update`, None before the first."""
        return None if self._updated is None else self._clock() - self._updated

    def watched(self) -> tuple[Snapshot, ...]:
        """The newest snapshots of the processes that are still watched."""
        return tuple(p.snapshot for p in self._processes.values() if p.snapshot is not None and p.gone_since is None)

    def flame(self, key: str) -> bytes | None:
        """See `serve.flame`; None where there is no such process."""
        process = self._processes.get(key)
        return flame(process.whole) if process is not None and process.whole is not None else None

    def state(self) -> StateView:
        """Everything that the page shows: ill processes first, ended ones last, newest before oldest."""
        known = [(p, p.snapshot) for p in reversed(self._processes.values()) if p.snapshot is not None]
        known.sort(key=lambda pair: (pair[0].gone_since is not None, _ORDER.index(pair[1].state)))
        counts = dict.fromkeys(states.STATES, 0)
        for process, snapshot in known:
            if process.gone_since is None:
                counts[snapshot.state] += 1
        return StateView(
            version=self.version,
            counts=counts,
            hidden=max(0, len(known) - SHOWN),
            processes=[_view(process, snapshot) for process, snapshot in known[:SHOWN]],
        )

    def _gone(self) -> list[str]:
        return [key for key, process in self._processes.items() if process.gone_since is not None]

    def _shrink_to_fit(self) -> None:
        total = sum(process.history.size for process in self._processes.values())
        while total > BYTES:
            biggest = max((process.history for process in self._processes.values()), key=lambda history: history.size)
            total -= biggest.size
            biggest.shrink()
            total += biggest.size


def _worst_delay(snapshot: Snapshot) -> float | None:
    if snapshot.new_delays:
        return max(snapshot.new_delays)
    # A beat that is overdue has no delay yet, but is at least this late.
    overdue = snapshot.state in _BEATING and snapshot.beat_age > snapshot.heartbeat_timeout / 2
    return snapshot.beat_age if overdue else None


def _view(process: _ShownProcess, snapshot: Snapshot) -> ProcessView:
    return ProcessView(
        process=snapshot,
        watched=process.gone_since is None,
        resource=process.resource,
        strip=list(process.strip),
        timeline=process.history.timeline(),
        dump=process.history.dump(),
    )
