"""The watcher: looks at every process of a run directory, over and over, and hands on what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Awaitable, Callable, Mapping, Sequence, TypeVar

from lifesign.errors import NotWatchedError
from lifesign.judge.rundir import PROCESSES_MAX, RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursors
from lifesign.watch.dead_letter import Rejected, printable
from lifesign.watch.keeper import Keeper
from lifesign.watch.process import Look, WatchedProcess
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import Resource, Signal, Snapshot
from lifesign.wire.folder import PulseError

_logger = logging.getLogger("lifesign.watch")
_KEEP_SECONDS = 60.0  # an ended process stays visible for so long, then its folder is removed
_EMPTY_SECONDS = 60.0  # a folder may wait for its pulse
_AGAIN_SECONDS = 5.0  # until a folder that could not be opened is tried again
_SAVE_SECONDS = 0.5  # that a look waits for the disk; a disk that is slower is not waited for
_DESCRIPTORS = 3  # of one watched process
_DESCRIPTORS_SPARE = 128  # for everything else that we do
_NAMES_MAX = 100_000  # folders, of which most may be none of a process that can be watched
_SHORTAGE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))

TellSignals = Callable[[Sequence[Resource], Sequence[Signal]], None]
TellSnapshots = Callable[[Sequence[Snapshot]], None]
T = TypeVar("T")


async def _settled() -> bool:
    return True


class Watcher:
    """Watches a run directory.

    Args:
        tell_signals: is given what is new.
        tell_snapshots: is given the newest snapshot of every process after each look.
        cursors: how far each story has been told.
        rejected: where unreadable records go.
        source: gives lines of source code for stacks.
        settle: waits until what was told so far is on disk; whether it would outlive a kill. Until then the cursors
            are not saved and no pulse is removed, so that a next life of the sidecar tells it again.
        roomy: whether more may be told. Where not, what the rings hold is left there.
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
        settle: Callable[[], Awaitable[bool]] = _settled,
        roomy: Callable[[], bool] = lambda: True,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._environ = environ
        self._tell_signals = tell_signals
        self._tell_snapshots = tell_snapshots
        self._cursors = cursors
        self._rejected = rejected
        self._source = source
        self._roomy = roomy
        self._keeper = Keeper(cursors, rejected, settle)
        # Looks and all else that touches the run directory: its disk is not to hold up our loop.
        self._thread = ThreadPoolExecutor(1, "lifesign-look")
        self._processes: dict[str, WatchedProcess] = {}
        self._ended_at: dict[str, tuple[float, int]] = {}  # monotonic seconds, the note that has all of it
        self._introduced: set[str] = set()
        # Folders that cannot be read, or were dealt with but not removed, until when (monotonic seconds).
        self._left_alone: dict[str, float] = {}
        self._failing: set[str] = set()  # processes whose newest look failed, which was said
        self._empty_since: dict[str, float] = {}  # folders without a pulse, monotonic seconds
        self._crowded = False
        self._watching_since = time.monotonic_ns()
        self._worked = 0.0  # seconds of processor time that the newest look took: to wait for a disk is no work
        self._awake = time.monotonic()  # when we last noted that we run

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks every `poll_interval` until `stopping` is set, and after that until there is nothing new."""
        stopped = asyncio.ensure_future(stopping.wait())  # one for all looks: `wait_for` makes a task each time
        try:
            while not stopped.done():
                await self.look()
                # Whatever there is to look at, half of our time is for the rest of the sidecar.
                await self._wait(stopped, max(self._settings.poll_interval, self._worked))
        finally:
            stopped.cancel()
        until = time.monotonic() + self._settings.shutdown_timeout / 2
        # A full ring takes several looks.
        while (await self.look() or not self._drained()) and time.monotonic() < until:
            await self._keeper.wait(until - time.monotonic())

    async def look(self) -> int:
        """One look at every process; returns the number of new signals."""
        now = self._note_awake()
        roomy, busy = self._roomy(), self._keeper.busy
        looking = self._beside(self._look, now, roomy)
        await self._wait(looking)
        looked = looking.result()
        signals = [signal for _, look in looked for signal in look.signals]
        keys = {process.key for process, _ in looked}
        if signals or keys - self._introduced:  # a Resource is told of even while there is nothing to say
            self._tell_signals([process.resource for process, _ in looked], signals)
        self._introduced = keys
        self._tell_snapshots([look.snapshot for _, look in looked])
        for process, _ in looked:
            process.told()
        note = self._keeper.note()
        for process, _ in looked:
            if process.ended and process.drained:
                self._ended_at.setdefault(process.key, (now, note))
            else:
                self._ended_at.pop(process.key, None)
        if not busy:
            await self._keeper.wait(_SAVE_SECONDS)
        await self._bury(now)
        return len(signals)

    def _note_awake(self) -> float:
        now = time.monotonic()
        if now - self._awake > max(1.0, 4 * self._settings.poll_interval):
            # We were not running: the beats that we did not see prove nothing.
            self._watching_since = time.monotonic_ns()
        self._awake = now
        return now

    async def _wait(self, what: asyncio.Future[Any], seconds: float = math.inf) -> None:
        """Waits, and notes that we run: a look or a pause may be long without our being stopped."""
        until = time.monotonic() + seconds
        while not what.done() and (left := until - time.monotonic()) > 0:
            await asyncio.wait([what], timeout=min(self._settings.poll_interval, left))
            self._note_awake()

    def _beside(self, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """Calls it in the thread of the looks."""
        return asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _look(self, now: float, read: bool) -> list[tuple[WatchedProcess, Look]]:
        began = time.thread_time()
        with contextlib.suppress(OSError):  # then we look at those that we know
            self._find(self._directory.listed(_NAMES_MAX), now)
        looked: list[tuple[WatchedProcess, Look]] = []
        for process in list(self._processes.values()):
            try:
                looked.append((process, process.look(self._watching_since, read=read)))
            except PulseError as error:
                _logger.warning("lifesign: %s can no longer be watched: %s", process.key, error)
                self._forget(process)
            except OSError as error:
                self._put_off(process, error)
            else:
                self._failing.discard(process.key)
        self._worked = time.thread_time() - began
        return looked

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
        living = [process for process in list(self._processes.values()) if not process.ended]
        if not any(process.ill for process in living):
            for process in living:
                process.end_asked()

    @property
    def all_told(self) -> bool:
        """Whether all that the pulses hold was told, and would outlive a kill."""
        return self._drained() and self._keeper.all_kept

    def _drained(self) -> bool:
        return all(process.drained for process in self._processes.values())

    def all_ended(self) -> bool:
        """Whether none of the watched processes lives."""
        return all(process.ended for process in self._processes.values())

    def close(self) -> None:
        self._thread.shutdown(wait=False)
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

    async def _bury(self, now: float) -> None:
        for key, (since, note) in list(self._ended_at.items()):
            if now - since > _KEEP_SECONDS and note <= self._keeper.kept:
                await self._beside(self._directory.remove, key)
                await self._beside(self._forget, self._processes[key])

    def _put_off(self, process: WatchedProcess, error: OSError) -> None:
        """A look broke off; the next one opens the process anew, and goes on from where its story was told to."""
        if process.key not in self._failing:
            self._failing.add(process.key)
            _logger.warning("lifesign: %s cannot be watched for now: %s", process.key, error)
        process.close()
        del self._processes[process.key]
        self._ended_at.pop(process.key, None)

    def _forget(self, process: WatchedProcess) -> None:
        process.close()
        del self._processes[process.key]
        self._ended_at.pop(process.key, None)
        self._left_alone[process.key] = math.inf


def _most_processes() -> int:
    """How many can be watched at a time: fewer where we may not open that many files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return PROCESSES_MAX if soft < 0 else max(1, min(PROCESSES_MAX, (soft - _DESCRIPTORS_SPARE) // _DESCRIPTORS))
