"""The watcher: looks at every process of a run directory, over and over, and hands on what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import resource
import time
from typing import Awaitable, Callable, Mapping, Sequence

from lifesign.errors import NotWatchedError
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursors
from lifesign.watch.process import WatchedProcess
from lifesign.watch.rejected import Rejected, printable
from lifesign.watch.rundir import PROCESSES_MAX, RunDirectory
from lifesign.watch.signals import Resource, Signal, Snapshot
from lifesign.watch.sources import Source, no_source
from lifesign.wire.reader import PulseError

_logger = logging.getLogger("lifesign.watch")
_KEEP_SECONDS = 60.0  # an ended process stays visible for so long, then its folder is removed
_EMPTY_SECONDS = 60.0  # a folder may wait for its pulse
_AGAIN_SECONDS = 5.0  # until a folder that could not be opened is tried again
_BREATH_SECONDS = 0.05  # a look lets others of our loop run that often
_DESCRIPTORS = 3  # of one watched process
_DESCRIPTORS_SPARE = 128  # for everything else that we do
_NAMES_MAX = 100_000  # folders, of which most may be none of a process that can be watched
_SHORTAGE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))

TellSignals = Callable[[Sequence[Resource], Sequence[Signal]], Awaitable[None]]
TellSnapshots = Callable[[Sequence[Snapshot]], None]


class Watcher:
    """Watches a run directory.

    Args:
        tell_signals: is given what is new; when it returns, the signals count as told.
        tell_snapshots: is given the newest snapshot of every process after each look.
        cursors: how far each story has been told.
        rejected: where unreadable records go.
        source: gives lines of source code for stacks.
        safe: whether what was told would outlive a kill. Until then the cursors are not saved and no pulse is
            removed, so that a next life of the sidecar tells it again.
    """

    def __init__(
        self,
        directory: RunDirectory,
        settings: Settings,
        environ: Mapping[str, str],
        tell_signals: TellSignals,
        tell_snapshots: TellSnapshots,
        cursors: Cursors,
        rejected: Rejected,
        source: Source = no_source,
        safe: Callable[[], bool] = lambda: True,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._environ = environ
        self._tell_signals = tell_signals
        self._tell_snapshots = tell_snapshots
        self._cursors = cursors
        self._rejected = rejected
        self._source = source
        self._safe = safe
        self._processes: dict[str, WatchedProcess] = {}
        self._ended_at: dict[str, float] = {}
        self._introduced: set[str] = set()
        # Folders that cannot be read, or were dealt with but not removed, until when (monotonic seconds).
        self._left_alone: dict[str, float] = {}
        self._failing: set[str] = set()  # processes whose newest look failed, which was said
        self._empty_since: dict[str, float] = {}  # folders without a pulse, monotonic seconds
        self._crowded = False
        self._watching_since = time.monotonic_ns()
        self.last_look = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks every `poll_interval` until `stopping` is set, and after that until there is nothing new."""
        stopped = asyncio.ensure_future(stopping.wait())  # one for all looks: `wait_for` makes a task each time
        try:
            while not stopped.done():
                await self.look()
                # Whatever there is to look at, half of the time is for the rest of the sidecar.
                took = time.monotonic() - self.last_look
                await asyncio.wait([stopped], timeout=max(self._settings.poll_interval, took))
        finally:
            stopped.cancel()
        until = time.monotonic() + self._settings.shutdown_timeout / 2
        while (await self.look() or not self._drained()) and time.monotonic() < until:
            pass  # a full ring takes several looks

    async def look(self) -> int:
        """One look at every process; returns the number of new signals."""
        now = time.monotonic()
        if now - self.last_look > max(1.0, 4 * self._settings.poll_interval):
            # We were not running: the beats that we did not see prove nothing.
            self._watching_since = time.monotonic_ns()
        self.last_look = now
        with contextlib.suppress(OSError):  # then we look at those that we know
            self._find(self._directory.listed(_NAMES_MAX), now)
        snapshots: list[Snapshot] = []
        signals: list[Signal] = []
        looked: list[WatchedProcess] = []
        breath = now
        for process in list(self._processes.values()):
            if time.monotonic() - breath > _BREATH_SECONDS:
                await asyncio.sleep(0)
                breath = time.monotonic()
            try:
                look = process.look(self._watching_since)
            except PulseError as error:
                _logger.warning("lifesign: %s can no longer be watched: %s", process.key, error)
                self._forget(process)
                continue
            except OSError as error:
                self._put_off(process, error)
                continue
            self._failing.discard(process.key)
            snapshots.append(look.snapshot)
            signals += look.signals
            looked.append(process)
        keys = {process.key for process in looked}
        # A Resource is told of even while there is nothing to say, and what is not safe has another try.
        if signals or keys - self._introduced or not self._safe():
            await self._tell_signals([process.resource for process in looked], signals)
        self._introduced = keys
        self._tell_snapshots(snapshots)
        for process in looked:
            process.told()
        if self._safe():
            try:
                self._cursors.save()
            except OSError as error:
                _logger.debug("lifesign: the cursors could not be saved: %s", error)
            self._bury(now)
        return len(signals)

    def request_dump(self, key: str) -> int:
        """Asks one process for a task dump; see `WatchedProcess.request_dump`.

        Raises:
            NotWatchedError: no such process is watched, or it cannot be asked.
        """
        process = self._processes.get(key)
        if process is None:
            raise NotWatchedError(
                f"no process {printable(key)[:40]} is watched", "lifesign status lists those that are"
            )
        try:
            return process.request_dump()
        except (OSError, PulseError) as error:
            raise NotWatchedError(
                f"process {key} cannot be asked: {error}", "let the sidecar's user or group write to the run directory"
            ) from None

    def end_asked(self) -> None:
        """A pod is about to end its main container: whoever is gone after this was asked to go.

        Not where a process is blocked or frozen: a container that is ended because a liveness probe failed
        is ended in the same way, and nobody asked for that illness.
        """
        living = [process for process in self._processes.values() if not process.ended]
        if not any(process.ill for process in living):
            for process in living:
                process.end_asked()

    def _drained(self) -> bool:
        return all(process.drained for process in self._processes.values())

    def all_ended(self) -> bool:
        """Whether none of the watched processes lives."""
        return all(process.ended for process in self._processes.values())

    def close(self) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _find(self, keys: Sequence[str], now: float) -> None:
        most = _most_processes()
        crowded = False
        for key in keys:
            if key in self._processes or now < self._left_alone.get(key, 0.0):
                continue
            if len(self._processes) >= most:
                crowded = True
                break
            try:
                self._processes[key] = WatchedProcess(
                    self._directory,
                    key,
                    self._cursors.get(key),
                    self._settings,
                    self._environ,
                    self._rejected,
                    self._source,
                )
                self._empty_since.pop(key, None)
            except FileNotFoundError:
                self._cursors.forget(key)  # its pulse is not in place yet; the next look will find it
                if now - self._empty_since.setdefault(key, now) > _EMPTY_SECONDS:
                    self._left_alone[key] = math.inf
            except PulseError as error:
                self._cursors.forget(key)
                self._left_alone[key] = math.inf
                self._rejected.keep(key, f"its pulse cannot be read: {error}", b"")
            except OSError as error:
                if error.errno in _SHORTAGE:
                    crowded = True  # that is our trouble, not this folder's
                    break
                self._left_alone[key] = now + _AGAIN_SECONDS
                self._rejected.keep(key, f"its pulse cannot be opened: {error}", b"")
        if crowded and not self._crowded:
            _logger.warning("lifesign: there are more processes than can be watched: %d are", len(self._processes))
        self._crowded = crowded
        present = set(keys)
        self._left_alone = {key: until for key, until in self._left_alone.items() if key in present}
        self._failing &= present
        self._cursors.keep(present | self._processes.keys())
        self._empty_since = {key: since for key, since in self._empty_since.items() if key in present}

    def _bury(self, now: float) -> None:
        for key, process in list(self._processes.items()):
            if process.ended and process.drained and now - self._ended_at.setdefault(key, now) > _KEEP_SECONDS:
                self._directory.remove(key)
                self._forget(process)

    def _put_off(self, process: WatchedProcess, error: OSError) -> None:
        """A look broke off; the next one opens the process anew, and goes on from where its story was told to."""
        if process.key not in self._failing:
            self._failing.add(process.key)
            _logger.warning("lifesign: %s cannot be watched for now: %s", process.key, error)
        process.close()
        del self._processes[process.key]

    def _forget(self, process: WatchedProcess) -> None:
        process.close()
        del self._processes[process.key]
        self._ended_at.pop(process.key, None)
        self._left_alone[process.key] = math.inf


def _most_processes() -> int:
    """How many can be watched at a time: fewer where we may not open that many files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return PROCESSES_MAX if soft < 0 else max(1, min(PROCESSES_MAX, (soft - _DESCRIPTORS_SPARE) // _DESCRIPTORS))


def look_once(path: str, settings: Settings, environ: Mapping[str, str]) -> list[Snapshot]:
    """The state of every process in a run directory, seen from outside, without disturbing its sidecar.

    Raises:
        RunDirectoryError: the directory cannot be used.
    """
    directory = RunDirectory(path)
    found: list[Snapshot] = []
    try:
        for key in directory.names():
            with contextlib.suppress(PulseError, OSError):
                process = WatchedProcess(directory, key, Cursors(None).get(key), settings, environ, Rejected(None))
                try:
                    found.append(process.look(watching_since=0, ask=False).snapshot)
                finally:
                    process.close()
    finally:
        directory.close()
    return found
