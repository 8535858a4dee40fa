"""The default spools, and which of them a sidecar takes: what waits for one Collector never goes to another.

They are numbered folders of one user. Each has an owner: the service whose records are in it and the destination that
they are meant for. What a run could not deliver waits there for the next run of the same service to the same
destination, or for a sidecar that goes on with the same run directory; after `AGE_MAX` it is dropped, and that is said.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Iterable, Mapping

import msgspec

from lifesign.errors import SpoolError, SpoolHeldError
from lifesign.export.queue.spool_lock import LOCK_NAME, SpoolLock
from lifesign.settings import state_directory

OWNER_NAME = "owner.json"
AGE_MAX = 7 * 86400.0  # seconds since the spool was last used
PLACES = 1024  # sidecars of one user on one machine that find a spool of their own by default

_logger = logging.getLogger("lifesign")


class Owner(msgspec.Struct, frozen=True):
    """Whose records are in a spool.

    `destination` is a digest, for what is sent along with the records may be secret; `shown` is for a person. `run` is
    the run directory that was served last.
    """

    destination: str
    service: str
    run: str
    shown: tuple[str, ...] = ()


def destination(parts: Iterable[str]) -> str:
    """A digest of all that says where records go, and as whose."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def default_directory(environ: Mapping[str, str]) -> Path:
    """The folder of the default spools; they are named 0, 1 and so on."""
    return Path(state_directory(environ)) / "lifesign" / "spool"


def take(directory: Path, owner: Owner) -> SpoolLock:
    """Takes the spool in `directory` that is best for `owner` and that nobody holds.

    Raises:
        SpoolError: none can be had.
    """
    places = [Place(directory / str(number), owner) for number in range(PLACES)]
    with contextlib.suppress(OSError):  # then the first place says what is wrong
        there = frozenset(os.listdir(directory))
        for place in places:
            if place.path.name in there:
                place.look()
                place.expire()
    # A sort keeps the order of equals.
    for place in sorted((place for place in places if place.rank < _NEVER), key=lambda place: place.rank):
        try:
            lock = SpoolLock(place.path)
        except SpoolHeldError:
            continue
        place.take()
        for other in places:
            other.remark()
        return lock
    raise SpoolError(f"all {PLACES} spools in {directory} are in use", "set LIFESIGN_SPOOL_DIR")


def adopt(directory: Path, owner: Owner) -> SpoolLock:
    """Takes the very spool that the settings name.

    Raises:
        SpoolHeldError: another process holds it.
        SpoolError: it cannot be made or written.
    """
    lock = SpoolLock(directory)
    place = Place(directory, owner)
    place.look()
    place.adopt()
    return lock


_SAME_RUN, _OURS_WAITING, _OURS, _NEW, _EMPTY, _NEVER = range(6)


class Place:
    """One of the numbered folders, as somebody sees it who looks for a spool."""

    def __init__(self, path: Path, seeker: Owner) -> None:
        self.path = path
        self.rank = _NEW
        self._seeker = seeker
        self._owner: Owner | None = None
        self._bytes = 0  # that wait in it
        self._used = 0.0  # wall clock seconds

    def look(self) -> None:
        """Reads who owns it, and what waits in it."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            self._owner = msgspec.json.decode((self.path / OWNER_NAME).read_bytes(), type=Owner)
        files = [found for file in self.path.glob("*/*") if (found := _stat(file)) is not None]
        segments = [found for file in self.path.glob("*/0*.jsonl") if (found := _stat(file)) is not None]
        self._bytes = sum(found.st_size for found in segments)
        self._used = max((found.st_mtime for found in (_stat(self.path), *files) if found is not None), default=0.0)
        self.rank = self._ranked()

    def _ranked(self) -> int:
        owner, seeker = self._owner, self._seeker
        if owner is not None and owner.destination == seeker.destination:
            if owner.run == seeker.run:
                return _SAME_RUN  # it knows how far the pulses were read
            if owner.service == seeker.service:
                return _OURS_WAITING if self._bytes else _OURS
        return _NEVER if self._bytes else _EMPTY

    def expire(self) -> None:
        """Empties it where nobody came for it in time."""
        if self.rank not in (_EMPTY, _NEVER) or time.time() - self._used <= AGE_MAX:
            return
        with contextlib.suppress(SpoolError), contextlib.closing(SpoolLock(self.path)):
            if self._bytes:
                _logger.warning("lifesign: %s are dropped: nobody came for them in %.0f days", self, AGE_MAX / 86400)
            _clear(self.path)
            self._owner, self._bytes, self.rank = None, 0, _NEW

    def take(self) -> None:
        """Makes the seeker its owner. To be called under its lock."""
        if self.rank >= _NEW:
            _clear(self.path)  # the counts of what somebody else lost are not ours
        elif self._bytes and self.rank == _OURS_WAITING:
            _logger.warning("lifesign: %s are delivered now", self)
        self._sign()
        self._bytes = 0

    def adopt(self) -> None:
        """Makes the seeker its owner, who named this very folder: what waits in it goes where the seeker sends to."""
        if self.rank == _NEVER and self._owner is not None:
            _logger.warning("lifesign: %s go to %s now", self, ", ".join(self._seeker.shown))
        self._sign()

    def _sign(self) -> None:
        with contextlib.suppress(OSError):  # then it is nobody's, next time
            owner = self.path / OWNER_NAME
            owner.touch(0o600)
            owner.write_bytes(msgspec.json.encode(self._seeker))

    def remark(self) -> None:
        """Says what of the same service waits for another destination, and will not get there by itself."""
        if self.rank == _NEVER and self._owner is not None and self._owner.service == self._seeker.service:
            _logger.warning(
                "lifesign: %s wait for a run with the same OTEL_* as then; LIFESIGN_SPOOL_DIR=%s sends them elsewhere",
                self,
                self.path,
            )

    def __str__(self) -> str:
        owner = self._owner
        run = f"run of {owner.service} for {', '.join(owner.shown)}" if owner is not None else "run"
        return f"{self._bytes} bytes in {self.path}, left by an earlier {run},"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _clear(spool: Path) -> None:
    """Empties a spool, but for its lock."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(spool):
            if entry.name == LOCK_NAME:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
