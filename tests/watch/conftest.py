"""A run directory, main processes in it, and a sidecar that watches them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import pytest

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.folders import Folders
from lifesign.watch.telemetry import Log, Resource, Snapshot, Telemetry
from lifesign.watch.watcher import Watcher
from support.documented.telemetry import attributes


class Sidecar:
    """A watcher, and what it emitted."""

    def __init__(
        self,
        run: Path,
        state: Path,
        run_began: int = 0,
        grace: str = "30",
        timeout: str = "3",
        rest: float = 0.0,
        **environ: str,
    ) -> None:
        self.reported: list[Telemetry] = []
        self.safe = True  # whether what was emitted would outlive a kill
        self.has_room = True
        self.disk: asyncio.Event | None = None  # set when a disk that stood still comes back
        self.resources: dict[str, Resource] = {}
        self.snapshots: Sequence[Snapshot] = ()
        self.directory = RunDirectory(str(run))
        self.rejected = DeadLetters(str(state / "rejected.jsonl"))
        settings = Settings(
            environ={
                "LIFESIGN_POLL_INTERVAL": "0.01",
                "LIFESIGN_TERMINATION_GRACE": grace,
                "LIFESIGN_HEARTBEAT_TIMEOUT": timeout,
            }
        )
        cursors = CursorStore(str(state / "cursors.json"), self.rejected, self._flush)
        folders = Folders(self.directory, settings, environ, cursors, self.rejected)
        self.watcher = Watcher(
            folders,
            settings,
            self._emit,
            self._publish,
            cursors,
            lambda: self.has_room,
            run_began=run_began,
            rest=rest,
        )
        self.folders, self.cursors = folders, cursors

    def has_watched_for_long(self) -> None:
        """What it has not seen is no gap of its own."""
        self.watcher._watching_since = 0

    def _emit(self, resources: Sequence[Resource], telemetry: Sequence[Telemetry]) -> None:
        self.resources.update({resource.key: resource for resource in resources})
        self.reported += telemetry

    async def _flush(self) -> bool:
        if self.disk is not None:
            await self.disk.wait()
        return self.safe

    def _publish(self, snapshots: Sequence[Snapshot]) -> None:
        self.snapshots = snapshots

    async def poll(self) -> list[Telemetry]:
        """One poll; returns what was new."""
        before = len(self.reported)
        await self.watcher.poll()
        return self.reported[before:]

    def close(self) -> None:
        self.watcher.close()
        self.directory.close()


@pytest.fixture
def sidecar(run: Path, tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    made: list[Sidecar] = []

    def make(**arguments: Any) -> Sidecar:
        made.append(Sidecar(run, tmp_path, **arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for log in (log for one in made for log in one.reported if isinstance(log, Log)):
        assert {*log.attributes} - attributes()[log.event] == set(), f"docs/reference.md lacks them for {log.event}"
