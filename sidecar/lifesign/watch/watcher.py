"""The watcher: polls every process of a run directory periodically, and hands on snapshots and telemetry."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Callable, Sequence, TypeVar

from lifesign.errors import NotWatchedError
from lifesign.off_loop import off_loop
from lifesign.settings import Settings
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import printable
from lifesign.watch.folders import Folders
from lifesign.watch.process import Poll, WatchedProcess
from lifesign.watch.telemetry import Resource, Snapshot, Telemetry
from lifesign.wire.folder import PulseError

_logger = logging.getLogger("lifesign.watch")
_KEEP_SECONDS = 60.0  # an ended process stays visible for so long, then its folder is removed
_SAVE_SECONDS = 0.5  # that a poll waits for the disk; it does not wait for a slower one
_NOTE_SECONDS, _AWAY_SECONDS = 1.25, 1.5  # between two notes that we run; without one
REST = 5.0  # seconds between two polls of a process in which nothing happens

Emit = Callable[[Sequence[Resource], Sequence[Telemetry]], None]
Publish = Callable[[Sequence[Snapshot]], None]
T = TypeVar("T")


def always() -> bool:
    """There is room."""
    return True


class Watcher:
    """Watches a run directory.

    Args:
        emit: called with new telemetry.
        publish: called with the newest snapshot of every process after each poll.
        cursors: how far each process has been read. They are saved, and pulses removed, only when everything emitted
            is durable; otherwise the next sidecar emits it again.
        has_room: whether more may be emitted. If not, records are left in the rings.
        run_began: monotonic nanoseconds: a process that had begun before then, and was over at our first poll, is of
            an earlier run. It is removed as soon as what it left is durable.
        rest: seconds for which a process may be left alone in which nothing happens that cannot wait.
    """

    def __init__(
        self,
        folders: Folders,
        settings: Settings,
        emit: Emit,
        publish: Publish,
        cursors: CursorStore,
        has_room: Callable[[], bool] = always,
        *,
        run_began: int = 0,
        rest: float = 0.0,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._emit = emit
        self._publish = publish
        self._cursors = cursors
        self._has_room = has_room
        self._ended: dict[str, tuple[float, int]] = {}  # monotonic seconds, checkpoint of the cursors
        self._run_began = run_began
        self._earlier: set[str] | None = None  # processes of an earlier run; None before the first poll
        self._introduced: set[str] = set()
        self._rest = rest
        self._looked: float | None = None  # whether a poll is due, monotonic seconds
        self._round_at = 0.0  # when every process is polled again, monotonic seconds
        self._stopped = threading.Event()
        self._watching_since = time.monotonic_ns()
        self._worked = 0.0  # seconds of processor time that the newest poll took: to wait for a disk is no work
        self._awake = time.monotonic()  # when we last noted that we run
        self._leaving = False  # we were asked to end, and so is the pod, if we are in one

    async def run(self, stopping: asyncio.Event) -> None:
        """Polls until `stopping` is set, and after that until there is nothing new.

        Every `poll_interval` it looks whether a poll is due.
        """
        stopped = asyncio.ensure_future(stopping.wait())
        stopped.add_done_callback(lambda _: self._stopped.set())
        try:
            await self.poll()
            while not stopped.done():
                await self._take(await self._beside(self._poll_when_due, every=_NOTE_SECONDS))
        finally:
            stopped.cancel()
        self.leave()
        for process in self._folders.processes():
            process.last_look()
        until = time.monotonic() + self._settings.shutdown_timeout / 2
        # A full ring takes several polls.
        while (await self.poll() or not self._drained()) and time.monotonic() < until:
            await self._cursors.wait(until - time.monotonic())

    async def poll(self) -> int:
        """One poll of every process; returns how much new telemetry there was."""
        return await self._take(await self._beside(self._poll))

    async def _take(self, polled: list[tuple[WatchedProcess, Poll]]) -> int:
        """Hands on what polls have found; returns how much new telemetry that is."""
        now, busy = self._note_awake(), self._cursors.busy
        telemetry = [one for _, poll in polled for one in poll.telemetry]
        keys = {process.key for process, _ in polled}
        if telemetry or keys - self._introduced:  # a Resource is handed on even without telemetry
            self._emit([process.resource for process, _ in polled], telemetry)
        self._introduced = keys
        if self._earlier is None:
            self._earlier = {process.key for process, _ in polled if process.ended and self._is_earlier(process)}
        self._publish([poll.snapshot for _, poll in polled])
        for process, _ in polled:
            process.acknowledge()
        checkpoint = self._cursors.checkpoint()
        for process, _ in polled:
            if process.ended and process.drained:
                self._ended.setdefault(process.key, (now, checkpoint))
            else:
                self._ended.pop(process.key, None)
        if not busy:
            await self._cursors.wait(_SAVE_SECONDS)
        await self._remove_ended(now)
        return len(telemetry)

    def other_versions(self) -> list[str]:
        """See `Folders.other_versions`."""
        return self._folders.other_versions()

    def request(self, key: str, word: int) -> int:
        """Asks one process for something; see `WatchedProcess.request`.

        Raises:
            NotWatchedError: no such process is watched, or it cannot be asked.
        """
        process = self._folders.get(key)
        if process is None:
            raise NotWatchedError(
                f"no process {printable(key)[:40]} is watched", "lifesign status lists those that are"
            )
        try:
            return process.request(word)
        except (OSError, PulseError) as error:
            raise NotWatchedError(
                f"process {key} cannot be asked: {error}", "let the sidecar's user or group write to the run directory"
            ) from None

    def _note_announced_stop(self) -> None:
        """A kubelet is about to end the main container: a process that ends after this was asked to.

        Not if a process is blocked or frozen: the hook also runs before a container is restarted because its
        liveness probe failed, and nobody asked for that illness.
        """
        at = self._folders.stop_announced()
        if at is None:
            return
        living = [process for process in self._folders.processes() if not process.ended]
        asked = not any(process.ill for process in living)
        for process in living:
            process.end_announced(at, asked=asked)

    def _note_restart(self) -> None:
        """A kubelet has restarted the main container: there are new processes after the end of all those before."""
        leaving = [process for process in self._folders.processes() if process.leaves]
        if leaving and not any(process.alive for process in leaving):
            began = [one.identity["started_mono_ns"] for one in self._folders.processes() if one.alive]
            for process in leaving:
                process.container_ran_again(max(began, default=0))

    def leave(self) -> bool:
        """We were asked to end, and so is the pod, if we are in one.

        Returns whether a process has outlived its grace period.
        """
        if self._leaving:
            return False
        self._leaving = True
        # At once, and not at the next poll: a kubelet may kill them in the next moment.
        outlived = [process.pod_ends(time.monotonic_ns()) for process in self._folders.processes()]
        return any(outlived)

    @property
    def all_durable(self) -> bool:
        """Whether everything in the pulses was emitted, and would survive a kill."""
        return self._drained() and self._cursors.all_durable

    def all_ended(self) -> bool:
        """Whether none of the watched processes lives."""
        return all(process.ended for process in self._folders.processes())

    def looked_ago(self) -> float | None:
        """Seconds since it has looked whether there is something to poll for; None before the first poll."""
        return None if self._looked is None else time.monotonic() - self._looked

    def close(self) -> None:
        self._folders.close()

    def _drained(self) -> bool:
        return all(process.drained for process in self._folders.processes())

    def _note_awake(self) -> float:
        now = time.monotonic()
        if now - self._awake > max(_AWAY_SECONDS, 6 * self._settings.poll_interval):
            # We were not running: the beats that we did not see prove nothing.
            self._watching_since = time.monotonic_ns()
        self._awake = now
        return now

    async def _beside(self, function: Callable[..., T], *arguments: object, every: float = 0.0) -> T:
        """Calls what touches the run directory: its disk is not to hold up our loop.

        Args:
            every: seconds after which we note that we run: a long poll does not mean that we were stopped.
        """
        call = asyncio.ensure_future(off_loop(function, *arguments))
        while not call.done():
            await asyncio.wait([call], timeout=max(every, self._settings.poll_interval))
            self._note_awake()
        return call.result()

    def _poll_when_due(self) -> list[tuple[WatchedProcess, Poll]]:
        # Whatever there is to read, half of our time is for the rest of the sidecar.
        self._stopped.wait(max(self._settings.poll_interval, self._worked))
        while not (self._stopped.is_set() or self._is_due()):
            self._looked = self._note_awake()
            self._stopped.wait(self._settings.poll_interval)
        return self._poll(whole=False)

    def _is_due(self) -> bool:
        now, moment = time.monotonic(), time.monotonic_ns()
        try:
            return (
                now >= self._round_at
                or self._folders.is_due(now)
                or any(process.is_due(moment) for process in self._folders.processes())
            )
        except (OSError, PulseError):
            return True  # the poll finds out what that means

    def _poll(self, *, whole: bool = True) -> list[tuple[WatchedProcess, Poll]]:
        """Polls every process that is due, or all of them; of the others the newest poll is as good as another."""
        began, now, read = time.thread_time(), self._note_awake(), self._has_room()
        if self._folders.find(now) or now >= self._round_at or whole:
            whole = True
            self._round_at = now + self._rest - self._settings.poll_interval / 2
        self._note_restart()
        polled: list[tuple[WatchedProcess, Poll]] = []
        for process in self._folders.processes():
            try:
                before = newest = process.newest()
                if newest is None or whole or process.is_due(time.monotonic_ns()):
                    self._note_announced_stop()  # before each: it must not end between this and its poll
                    newest = process.poll(self._watching_since, read=read, leaving=self._leaving)
                if before is not None and before.snapshot.alive and not newest.snapshot.alive:
                    self._round_at = now  # what killed it is no cause of a later end
                polled.append((process, newest))
            except PulseError as error:
                _logger.warning("lifesign: %s can no longer be watched: %s", process.key, error)
                self._folders.forget(process)
                self._ended.pop(process.key, None)
            except OSError as error:
                self._folders.reopen(process, error)
                self._ended.pop(process.key, None)
            else:
                self._folders.polled(process)
        self._worked = time.thread_time() - began
        self._looked = time.monotonic()
        return polled

    def _is_earlier(self, process: WatchedProcess) -> bool:
        return process.identity["started_mono_ns"] < self._run_began

    async def _remove_ended(self, now: float) -> None:
        for key, (since, checkpoint) in list(self._ended.items()):
            process = self._folders.get(key)
            if process is None or checkpoint > self._cursors.durable:
                continue
            if now - since > _KEEP_SECONDS or key in (self._earlier or ()):
                await self._beside(self._folders.remove, process)
                del self._ended[key]
