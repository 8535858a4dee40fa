"""The boots before, in one file of this user: how long each part of them took, by service and program.

Several sidecars may share the file: each adds its boots to what is there. What cannot be read counts as nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Annotated, Callable, Mapping, NamedTuple, Sequence

import msgspec

from lifesign import semconv
from lifesign.judge.boots import ENOUGH, is_late, usual
from lifesign.settings import Settings, state_directory
from lifesign.watch.telemetry import CheckpointReading, Snapshot
from lifesign.whole_file import write_whole

KEPT = 20  # boots of one service ...
SERVICES = 100  # ... and so many of them, those that booted last
CHECKPOINTS = 100  # of one boot
BYTES = 8 << 20
_NAME_CHARACTERS = 200
_CALM_NS = 5_000_000_000  # without another checkpoint
# What they wait for comes when it comes.
_OF_OTHERS = (semconv.CHECKPOINT_FIRST_EVENT, semconv.CHECKPOINT_TIMED_OUT, semconv.CHECKPOINT_COMPLETE)
_Length = Annotated[float, msgspec.Meta(ge=0)]


class PastBoot(msgspec.Struct, frozen=True):
    """One boot that was completed: of which instance, when (wall clock milliseconds), and lengths in seconds."""

    instance: str
    at: int
    took: _Length
    checkpoints: dict[str, _Length]


class _Compared(NamedTuple):
    """Checkpoints as they were read, and beside those of the boots before; `usual` is None where these are too few."""

    checkpoints: tuple[CheckpointReading, ...]
    beside: tuple[CheckpointReading, ...]
    usual: float | None


Known = dict[str, list[PastBoot]]  # by service and program, the oldest first


class Boots:
    """Compares boots with those before, and remembers them.

    Args:
        file: where they are kept.
        wall: wall clock nanoseconds.
    """

    def __init__(self, file: Path, wall: Callable[[], int] = time.time_ns) -> None:
        self._file = file
        self._wall = wall
        self._known = read(file)
        self._seen: set[str] = set()  # keys of processes whose boot is known or will not be
        self._new: list[tuple[str, PastBoot]] = []
        self._over: dict[str, _Compared] = {}  # boots that are over, by the key of their process

    def compared(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """All that is watched, with what is usual, and whether it is late, where enough boots were before."""
        if len(self._over) > 2 * len(snapshots) + SERVICES:
            keys = {one.key for one in snapshots}
            self._over = {key: known for key, known in self._over.items() if key in keys}
        return [self._compared(snapshot) for snapshot in snapshots]

    def note(self, snapshots: Sequence[Snapshot]) -> bool:
        """Remembers boots that are complete now; whether there is something to save."""
        for one in snapshots:
            if one.key not in self._seen and one.boot != "starting" and self._is_over(one):
                self._seen.add(one.key)
                if one.boot == "complete" and one.boot_duration is not None:
                    self._add(one, one.boot_duration)
        if len(self._seen) > 2 * len(snapshots) + SERVICES:
            self._seen &= {one.key for one in snapshots}
        return self.unsaved

    @property
    def unsaved(self) -> bool:
        """Whether there is something to save."""
        return bool(self._new)

    def save(self) -> None:
        """Adds what is new to the file; a disk that is full is no harm."""
        new, self._new = self._new, []
        if not new:
            return
        found = read(self._file)
        for name, boot in new:
            _put(found, name, boot)
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, part, msgspec.json.encode(found))

    def _is_over(self, snapshot: Snapshot) -> bool:
        """A service that promises no event has booted once its loop turns, and may go on with its checkpoints."""
        last = 0
        for one in snapshot.checkpoints:
            if one.end is None:
                return not snapshot.alive
            last = max(last, one.end)
        return not snapshot.alive or self._wall() - last > _CALM_NS

    def _add(self, snapshot: Snapshot, took: float) -> None:
        lengths: dict[str, float] = {}
        for one in snapshot.checkpoints[:CHECKPOINTS]:
            if one.took is not None and one.error is None and one.name not in _OF_OTHERS:
                lengths[one.name] = max(round(one.took, 4), lengths.get(one.name, 0.0))
        boot = PastBoot(snapshot.instance, self._wall() // 1_000_000, max(0.0, round(took, 4)), lengths)
        if _put(self._known, _name(snapshot), boot):
            self._new.append((_name(snapshot), boot))

    def _compared(self, snapshot: Snapshot) -> Snapshot:
        known = self._over.get(snapshot.key)
        if known is None or known.checkpoints != snapshot.checkpoints:
            known = self._beside(snapshot)
            if snapshot.boot != "starting":
                self._over[snapshot.key] = known
        if known.usual is None:
            return snapshot
        return msgspec.structs.replace(snapshot, checkpoints=known.beside, boot_usual=known.usual)

    def _beside(self, snapshot: Snapshot) -> _Compared:
        # An earlier sidecar may have noted this very boot.
        before = [boot for boot in self._known.get(_name(snapshot), ()) if boot.instance != snapshot.instance]
        if len(before) < ENOUGH:
            return _Compared(snapshot.checkpoints, (), None)
        now = self._wall()
        beside = tuple(_beside(one, before, now) for one in snapshot.checkpoints)
        return _Compared(snapshot.checkpoints, beside, usual([boot.took for boot in before]))


def file_of(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Where a sidecar and the commands beside it find the boots before."""
    folder = Path(settings.spool_dir) if settings.spool_dir else Path(state_directory(environ)) / "lifesign"
    return folder / "boots.json"


def read(file: Path) -> Known:
    """What is in a file; nothing where it is not there, or something else."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            return msgspec.json.decode(opened.read(BYTES), type=Known)
    return {}


def _put(known: Known, name: str, boot: PastBoot) -> bool:
    """Adds a boot as the newest one of its service, which becomes the newest service; False where it is there."""
    boots = known.pop(name, [])
    known[name] = boots
    if any(one.instance == boot.instance for one in boots):
        return False
    boots.append(boot)
    del boots[:-KEPT]
    while len(known) > SERVICES:
        del known[next(iter(known))]
    return True


def _name(snapshot: Snapshot) -> str:
    return f"{snapshot.service[:_NAME_CHARACTERS]} {snapshot.command[:_NAME_CHARACTERS]}"


def _beside(one: CheckpointReading, before: Sequence[PastBoot], now: int) -> CheckpointReading:
    lengths = [boot.checkpoints[one.name] for boot in before if one.name in boot.checkpoints]
    expected = usual(lengths)
    if expected is None:
        return one
    length = one.took if one.took is not None else max(0.0, (now - one.start) / 1e9)
    return msgspec.structs.replace(one, usual=expected, late=is_late(length, lengths))
