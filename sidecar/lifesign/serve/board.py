"""What the page and the health endpoints show: the newest state and the recent past of each process. No I/O.

Whatever changes gets a version: a client that says up to which one it knows is sent what is newer, and no more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from lifesign.judge import states
from lifesign.serve.shown.history import History
from lifesign.serve.shown.rows import RowView, VerdictView, row_of, verdict
from lifesign.serve.shown.tasks import Dumps
from lifesign.serve.shown.timeline import SavedTimeline, Timeline
from lifesign.watch.telemetry import Attributes, Resource, Snapshot, Telemetry

STRIP = 120  # bars of the heartbeat strip, one a poll
SPARK = 60  # characters of a sparkline ...
SPARK_S = 2.0  # ... each of so many seconds
KEEP_GONE_S = 86400.0  # how long a process is shown that is no longer watched
KEEP_GONE = 50
BYTES = 4 << 20  # of all histories
DUMPS_BYTES = 4 << 20  # of all task dumps of who is gone, packed
_GONE = 200  # keys of rows that were taken away, for clients that know them

_BEATING = (states.HEALTHY, states.SILENT, states.DEGRADED, states.BLOCKED, states.FROZEN)
_STILL = {states.BLOCKED: "B", states.FROZEN: "F", states.DEAD: "D", states.IDLE: ".", states.STOPPED: "."}
NO_BEAT = "-"


class StripBar(msgspec.Struct, frozen=True, array_like=True):
    """One poll of one process: the worst event loop delay since the previous poll, in seconds.

    None without a beat; the age of the newest beat where the next one is overdue.
    """

    delay: float | None
    state: str


class ShownProcess:
    """What is remembered of one process."""

    def __init__(self, key: str, number: int) -> None:
        self.key = key
        self.number = number
        self.snapshot: Snapshot | None = None
        self.row: RowView | None = None
        self.changed = 0  # the version in which the row did
        self.since = 0  # wall clock milliseconds
        self.gone_since: float | None = None
        self.resource: Attributes = {}
        self.strip: deque[StripBar] = deque(maxlen=STRIP)
        self.spark: deque[str] = deque(maxlen=SPARK)
        self.worst: float | None = None  # delay since the newest character of the sparkline
        self.tasks = -1  # as last sent
        self.history = History()
        self.timeline = Timeline()
        self.dumps = Dumps()

    def update(self, snapshot: Snapshot, now: int) -> None:
        """The newest poll; `now` in wall clock milliseconds."""
        delay = _worst_delay(snapshot)
        # The strip of a process that ended shows how it ended, so it stands still.
        if not (self.strip and self.strip[-1].state in states.ENDED):
            self.strip.append(StripBar(delay, snapshot.state))
            self.timeline.add(now, delay, snapshot.state)
        if delay is not None:
            self.worst = delay if self.worst is None else max(self.worst, delay)
        if self.snapshot is None or self.snapshot.state != snapshot.state:
            self.since = now
        self.dumps.take(snapshot.dump)
        self.snapshot = snapshot

    def leave(self) -> None:
        """It is no longer watched: what takes much memory is packed."""
        self.dumps.pack()
        if self.snapshot is not None:
            self.snapshot = msgspec.structs.replace(self.snapshot, dump=None)

    def beat(self) -> str:
        """Ends a character of the sparkline."""
        state = self.snapshot.state if self.snapshot is not None else ""
        self.spark.append(_STILL.get(state) or _level(self.worst))
        self.worst = None
        return self.spark[-1]


class Board:
    """The newest state of every process and its recent past, in bounded memory.

    Args:
        clock: monotonic seconds.
        wall: wall clock seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._processes: dict[str, ShownProcess] = {}
        self._updated: float | None = None
        self._numbers = 0
        self._removed: deque[tuple[int, str]] = deque(maxlen=_GONE)  # version and key
        self._beat_at = clock()
        self.version = 0  # grows whenever a row changes
        self.beats = 0  # grows whenever the sparklines do
        self.bars = ""  # the newest character of each sparkline, in the order of the rows' ids
        self._recalled: Callable[[str], SavedTimeline | None] | None = None
        self.viewers = 0  # pages that are open
        self.busy: list[tuple[int, int]] = []  # ids of rows, and how many tasks they have now

    def update(self, snapshots: Sequence[Snapshot]) -> None:
        """Take the newest snapshot of every watched process; one that is missing is no longer watched."""
        now, wall = self._clock(), int(self._wall() * 1000)
        self._updated = now
        seen = set()
        for snapshot in snapshots:
            seen.add(snapshot.key)
            process = self._process(snapshot.key)
            process.gone_since = None
            before = process.snapshot
            process.update(snapshot, wall)
            if before is None or process.row is None or not process.row.watched or _differs(before, snapshot):
                self._show(process, snapshot, wall)
        for key in [key for key in self._processes if key not in seen]:
            self._leave(key, now, wall)
        self._keep_the_newest()
        if now - self._beat_at >= SPARK_S:
            self._beat(now)

    def add(self, resources: Iterable[Resource], records: Iterable[Telemetry]) -> None:
        """Keep what happened. Records of a process that the next `update` does not know are dropped by it."""
        for resource in resources:
            self._process(resource.key).resource = resource.attributes
        for record in records:
            self._process(record.resource).history.add(record)
        self._shrink_to_fit()

    def poll_age(self) -> float | None:
        """Seconds since the newest `update`, None before the first."""
        return None if self._updated is None else self._clock() - self._updated

    def freeze(self) -> None:
        """There will be no more updates, and what is here is no less true for that."""
        self._updated = None

    def timelines(self) -> dict[str, SavedTimeline]:
        """Of every process that has one, by its key."""
        return {process.key: process.timeline.saved() for process in self.all_shown()}

    def recall(self, timeline: Callable[[str], SavedTimeline | None]) -> None:
        """Asked what an earlier sidecar has seen of a process, as soon as that is there."""
        self._recalled = timeline

    def watched(self) -> tuple[Snapshot, ...]:
        """The newest snapshots of the processes that are still watched."""
        return tuple(p.snapshot for p in self._processes.values() if p.snapshot is not None and p.gone_since is None)

    def verdict(self) -> VerdictView:
        """One verdict on all of them."""
        return verdict(self.watched(), [p.snapshot for p in self._processes.values() if p.snapshot is not None])

    def shown(self, key: str) -> ShownProcess | None:
        """What is remembered of one process; None where there is no such process."""
        process = self._processes.get(key)
        return process if process is not None and process.snapshot is not None else None

    def all_shown(self) -> list[ShownProcess]:
        """Every process that has a row, in the order in which they were first seen."""
        return [process for process in self._processes.values() if process.row is not None]

    def rows(self, known: int = -1) -> tuple[list[RowView], list[str], bool]:
        """The rows that have changed after version `known`, the keys of those that went, and whether these are all.

        They are all where what is known is too old to say what went since.
        """
        whole = known < 0 or (len(self._removed) == _GONE and self._removed[0][0] > known)
        found = [
            msgspec.structs.replace(process.row, spark="".join(process.spark), tasks=process.snapshot.tasks)
            for process in self._processes.values()
            if process.row is not None and process.snapshot is not None and (whole or process.changed > known)
        ]
        return found, [] if whole else [key for version, key in self._removed if version > known], whole

    def _process(self, key: str) -> ShownProcess:
        process = self._processes.get(key)
        if process is None:
            self._numbers += 1
            process = self._processes[key] = ShownProcess(key, self._numbers)
            saved = self._recalled(key) if self._recalled is not None else None
            if saved is not None:
                process.timeline.recall(saved)
        return process

    def _show(self, process: ShownProcess, snapshot: Snapshot, wall: int) -> None:
        watched = process.gone_since is None
        began = process.row.began if process.row is not None else 0
        row = row_of(process.number, snapshot, since=process.since, now=wall, watched=watched)
        row = msgspec.structs.replace(row, began=began or row.began)
        if row != process.row:
            self.version += 1
            process.row, process.changed = row, self.version

    def _leave(self, key: str, now: float, wall: int) -> None:
        process = self._processes[key]
        if process.snapshot is None:
            del self._processes[key]
            return
        if process.gone_since is None:
            process.gone_since = now
            process.leave()
            self._drop_old_dumps()
            self._show(process, process.snapshot, wall)
        if now - process.gone_since > KEEP_GONE_S:
            self._remove(key)

    def _drop_old_dumps(self) -> None:
        gone = [process for process in self._processes.values() if process.gone_since is not None]
        total = 0
        for process in sorted(gone, key=lambda process: process.gone_since or 0.0, reverse=True):
            total += process.dumps.packed
            if total > DUMPS_BYTES:
                process.dumps.drop()

    def _keep_the_newest(self) -> None:
        gone = [key for key, process in self._processes.items() if process.gone_since is not None]
        if len(gone) > KEEP_GONE:
            # What died unasked is what somebody will look for.
            gone.sort(key=lambda key: (self._state(key) == states.DEAD, self._processes[key].gone_since or 0.0))
            for key in gone[: len(gone) - KEEP_GONE]:
                self._remove(key)

    def _state(self, key: str) -> str:
        snapshot = self._processes[key].snapshot
        return snapshot.state if snapshot is not None else ""

    def _remove(self, key: str) -> None:
        del self._processes[key]
        self.version += 1
        self._removed.append((self.version, key))

    def _beat(self, now: float) -> None:
        self._beat_at = now
        self.beats += 1
        bars, self.busy = [], []
        for process in self.all_shown():
            bars.append(process.beat())
            tasks = process.snapshot.tasks if process.snapshot is not None else 0
            if tasks != process.tasks:
                process.tasks = tasks
                self.busy.append((process.number, tasks))
        self.bars = "".join(bars)

    def _shrink_to_fit(self) -> None:
        total = sum(process.history.size for process in self._processes.values())
        while total > BYTES:
            biggest = max((process.history for process in self._processes.values()), key=lambda history: history.size)
            total -= biggest.size
            biggest.shrink()
            total += biggest.size


def _differs(before: Snapshot, after: Snapshot) -> bool:
    """Whether the row may: most polls change nothing that is in it."""
    return (
        before.state != after.state
        or before.why != after.why
        or before.failing != after.failing
        or before.conditions != after.conditions
        or before.causes != after.causes
        or before.postconditions != after.postconditions
        or before.alive != after.alive
    )


def _worst_delay(snapshot: Snapshot) -> float | None:
    if snapshot.new_delays:
        return max(snapshot.new_delays)
    # A beat that is overdue has no delay yet, but is at least this late.
    overdue = snapshot.state in _BEATING and snapshot.beat_age > snapshot.heartbeat_timeout / 2
    return snapshot.beat_age if overdue else None


def _level(delay: float | None) -> str:
    """A delay as one digit: 0 up to 1 ms, 9 from 1 s on, logarithmic between."""
    if delay is None:
        return NO_BEAT
    level, limit = 0, 0.001
    while level < 9 and delay > limit:
        level, limit = level + 1, limit * 10 ** (1 / 3)
    return str(level)
