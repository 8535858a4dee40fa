"""The sidecar put together: a watcher, and the export, page and health endpoints that it feeds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Mapping, Sequence

from lifesign.cli.output.terminal import say
from lifesign.cli.sidecar import timelines
from lifesign.cli.sidecar.boots import RememberedBoots
from lifesign.cli.sidecar.deadline import Deadline
from lifesign.cli.sidecar.demo import demo
from lifesign.cli.sidecar.exporting import exporting
from lifesign.cli.sidecar.histories import Histories
from lifesign.cli.sidecar.introduction import introduction
from lifesign.cli.sidecar.missing import missing
from lifesign.cli.sidecar.own_process import (
    leave_signals_to_cmd,
    let_go_of_output,
    log_to_standard_error,
    raise_limit_of_files,
    share_one_arena,
)
from lifesign.cli.supervise import descendants, rundirectory
from lifesign.cli.supervise.sidecar_process import ASKED_TO_END
from lifesign.errors import NotWatchedError
from lifesign.export.otlp.targets import remarks
from lifesign.judge.kernel import began_at
from lifesign.judge.rundir import RunDirectory
from lifesign.off_loop import off_loop
from lifesign.serve.behind import Actions, Demo, Lookups, no_excerpt
from lifesign.serve.board import Board
from lifesign.serve.health import SidecarHealth, app_livez, app_startupz
from lifesign.serve.systemd import Systemd
from lifesign.settings import Settings
from lifesign.watch.boots import Boots, file_of
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.folders import Folders
from lifesign.watch.lock import RunDirectoryLock
from lifesign.watch.sources import Sources, no_source
from lifesign.watch.telemetry import Resource, Snapshot, Telemetry
from lifesign.watch.watcher import REST, Watcher, always
from lifesign.wire import layout

if TYPE_CHECKING:
    from lifesign.serve.server import Server

_OUTLIVED_SECONDS = 0.5  # for who will be killed: whether we see that or not, it takes time to deliver what we know
_NOBODY_SECONDS = 10.0  # without a process to watch, before a word about it


class Observer:
    """A sidecar over one run directory.

    Args:
        deadline: begins when the end is asked for.
        supervised: whether `lifesign run` started us: standard input ends with it, and the page is
            served where no Collector is set.
        run_id: of the CMD beside us; see `cli.supervise.descendants`.
        service: what is run, where the environment does not name the service.

    Raises:
        RunDirectoryError, SettingError: the directory or a setting cannot be used.
    """

    def __init__(
        self,
        directory: str,
        settings: Settings,
        environ: Mapping[str, str],
        deadline: Deadline,
        *,
        supervised: bool,
        run_id: str | None = None,
        service: str = "",
    ) -> None:
        log_to_standard_error(settings.log_level)
        raise_limit_of_files()
        share_one_arena()
        self._settings = settings
        self._supervised = supervised
        self._run_id = run_id
        self._alone_since: float | None = None  # without a supervisor
        self._asked_to_end = False  # by the supervisor
        self._directory = RunDirectory(directory)
        self._board = Board()
        self._pipeline = exporting(settings, environ, service)
        self._environ = environ
        # A unit of the sidecar's own is none of the service.
        self._systemd = Systemd(environ) if supervised and "NOTIFY_SOCKET" in environ else None
        self._stopping = asyncio.Event()
        self._enough = asyncio.Event()  # we were asked once more
        self._leaving = False  # as soon as nothing is left to watch
        self._watcher: Watcher | None = None
        self._boots = RememberedBoots(partial(Boots, file_of(settings, environ)))
        # Beside CMD on one machine, as one user, the stacks' files are there to be read.
        self._sources = Sources() if supervised else None
        self._shows = False  # the page
        self._deadline = deadline

    async def run(self) -> bool:
        """Watches until asked to stop, then flushes within the shutdown timeout.

        Returns whether nothing that is to be exported is in the pulses alone.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._terminate if self._supervised else self._stop)
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        if self._supervised:
            leave_signals_to_cmd()
            loop.add_reader(0, self._hear_supervisor)
        lock = RunDirectoryLock(self._directory)
        try:
            if await self._wait_for(lock):
                async with Histories(self._board, self._directory):
                    await self._watch()
        finally:
            lock.end()  # last of all: whoever takes over finds the spool free
            self._directory.close()
        complete = self._pipeline is None or (self._watcher is not None and self._watcher.all_durable)
        if complete and self._alone_since is not None:
            rundirectory.discard(self._directory.path)
        return complete

    async def _wait_for(self, lock: RunDirectoryLock) -> bool:
        """Waits while another sidecar watches; False when asked to stop, or when the supervisor is gone."""
        if lock.take():
            return True
        say(f"another sidecar watches {self._directory.path}: waiting until it ends")
        while not (self._stopping.is_set() or self._leaving):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._settings.poll_interval)
            if lock.take():
                return True
        return False

    async def _watch(self) -> None:
        servers = await self._serve()
        self._shows = "page" in servers
        if self._shows:
            from lifesign.cli.sidecar.aftermath import Linger, after_the_end  # 0.7 MiB, for a page
        remembering = timelines.remember(self._board, self._directory.path) if self._shows else None
        try:
            self._watcher = await self._ready()
            self._introduce(servers)
            asyncio.get_running_loop().call_later(_NOBODY_SECONDS, self._remark_who_is_missing)
            await self._watcher.run(self._stopping)
            if self._shows and self._supervised and self._alone_since is None:
                lingers = Linger(servers["page"].url, self._enough, self._deadline) if self._settings.linger else None
                await after_the_end(self._board, self._sources or no_source, self._environ, lingers)
        finally:
            if remembering is not None:
                remembering.cancel()
            if self._pipeline is not None:
                await self._pipeline.close(self._deadline.left())
            for server in servers.values():
                await server.close()
            await self._boots.close()
            if self._watcher is not None:
                self._watcher.close()

    async def _serve(self) -> dict[str, Server]:
        with_page = self._supervised and self._pipeline is None
        if not with_page and self._settings.page_addr is None and self._settings.health_addr is None:
            return {}
        from lifesign.cli.sidecar.servers import serve  # 6 MiB

        seen = self._sources
        buttons = demo(self._directory.path) if self._supervised else Demo()
        lookups = Lookups(seen or no_source, seen.excerpt if seen else no_excerpt, self._problems, buttons)
        return await serve(self._settings, self._board, self._actions(), lookups, self._health, with_page=with_page)

    async def _ready(self) -> Watcher:
        """Opens the spool, however long its disk takes, and starts the page and the health endpoints."""
        state: str | None = None
        if self._pipeline is not None:
            await self._pipeline.start()
            state = self._pipeline.status().spool_dir
        dead_letters = DeadLetters(state and os.path.join(state, "rejected-records.jsonl"))
        pipeline = self._pipeline
        durable = {} if pipeline is None else {"flush": pipeline.flush}
        has_room = always if pipeline is None else pipeline.has_room
        file = state and os.path.join(state, "cursors.json")
        cursors = await off_loop(CursorStore, file, dead_letters, **durable)
        source = self._sources or no_source
        began = began_at(os.getppid()) if self._supervised else 0  # the supervisor, and with it this run
        folders = Folders(self._directory, self._settings, self._environ, cursors, dead_letters, source)
        return Watcher(
            folders, self._settings, self._emit, self._publish, cursors, has_room, run_began=began, rest=self._rest()
        )

    def _rest(self) -> float:
        """Seconds between two polls of a process in which nothing happens."""
        pause = REST if self._systemd is None else self._systemd.pause
        return 0.0 if self._shows else min(REST, self._settings.metric_interval, pause)  # the page: a bar for each poll

    def _emit(self, resources: Sequence[Resource], telemetry: Sequence[Telemetry]) -> None:
        self._board.add(resources, telemetry)
        if self._pipeline is not None:
            self._pipeline.emit(resources, telemetry)

    def _publish(self, snapshots: Sequence[Snapshot]) -> None:
        snapshots = self._boots.compared(snapshots)
        self._board.update(snapshots)
        if self._pipeline is not None:
            self._pipeline.publish(snapshots)
        if self._systemd is not None:
            booted, lives = app_startupz(snapshots), app_livez(self._health(), snapshots)
            self._systemd.tell(snapshots, booted, lives, time.monotonic())
        if self._leaving and self._watcher is not None and self._watcher.all_ended() and not self._is_awaited():
            self._stop()

    def _is_awaited(self) -> bool:
        """Whether a process that outlives the supervisor, such as a daemon, may still have to be watched."""
        if self._run_id is None or self._alone_since is None:
            return False
        alone = time.monotonic() - self._alone_since
        return alone < self._settings.boot_timeout and bool(descendants.started_under(self._run_id))

    def _introduce(self, servers: Mapping[str, Server]) -> None:
        status = None if self._pipeline is None else self._pipeline.status()
        for remark in remarks(self._environ):
            say(remark)
        say(introduction(status, servers, self._directory.path if self._supervised else None))

    def _health(self) -> SidecarHealth:
        watcher, interval = self._watcher, self._settings.poll_interval
        poll_age = None if watcher is None else watcher.looked_ago()
        others = () if watcher is None else tuple(watcher.other_versions())
        if self._pipeline is None:
            return SidecarHealth(poll_age, interval, others=others)
        status = self._pipeline.status()
        return SidecarHealth(poll_age, interval, status.errors, status.summary(), others)

    def _problems(self) -> tuple[str, ...]:
        """What keeps the sidecar from working, and what is exported where."""
        health = self._health()
        return (*health.problems, *health.others, *filter(None, (health.export,)))

    def _actions(self) -> Actions:
        return Actions(partial(self._request, layout.REQUEST_DUMP), partial(self._request, layout.REQUEST_CHECKS))

    def _request(self, word: int, key: str) -> int:
        if self._watcher is None:
            raise NotWatchedError("no process is watched yet", "wait until the spool is open")
        return self._watcher.request(key, word)

    def _stop(self) -> None:
        if self._stopping.is_set():
            self._enough.set()
            return
        self._deadline.begin()
        self._stopping.set()

    def _hear_supervisor(self) -> None:
        if not select.select([0], [], [], 0)[0]:
            return  # the signal handler was faster: it has read what this call was scheduled for
        content = b""
        with contextlib.suppress(OSError):
            content = os.read(0, 1024)
        self._asked_to_end |= ASKED_TO_END in content
        if not content:
            asyncio.get_running_loop().remove_reader(0)
            # Without the supervisor nobody restarts us, but what it started may live on: so do we until then.
            self._leaving = True
            self._enough.set()
            self._alone_since = time.monotonic()
            let_go_of_output()

    def _terminate(self) -> None:
        """SIGTERM: at once, or a moment later, after the watched processes.

        A kubelet signals us as it kills a container that is still there when its grace period is over, and kills us two
        seconds later. Without native sidecars it signals all containers of a pod at once.
        """
        if self._supervised and self._alone_since is None:
            self._hear_supervisor()
            if not self._asked_to_end and self._alone_since is None:
                return  # systemd, for one, sends it to all processes of a service: CMD may have much to say still
        if self._supervised or self._watcher is None or self._watcher.all_ended():
            self._stop()
        elif not self._leaving:
            self._leaving = True
            delay = self._settings.sigterm_delay
            if self._watcher.leave():
                delay = min(delay, _OUTLIVED_SECONDS)
            asyncio.get_running_loop().call_later(delay, self._stop)

    def _remark_who_is_missing(self) -> None:
        others = self._watcher.other_versions() if self._watcher is not None else []
        for remark in missing(self._directory.path, self._run_id, others, seen=bool(self._board.watched())):
            say(remark)
