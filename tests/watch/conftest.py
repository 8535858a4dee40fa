"""A run directory, main processes in it, and a sidecar that looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursors
from lifesign.watch.dead_letter import Rejected
from lifesign.watch.telemetry import Resource, Signal, Snapshot
from lifesign.watch.watcher import Watcher


class Sidecar:
    """A watcher, and what it told."""

    def __init__(self, run: Path, state: Path, **environ: str) -> None:
        self.told: list[Signal] = []
        self.safe = True  # whether what was told would outlive a kill
        self.resources: dict[str, Resource] = {}
        self.snapshots: Sequence[Snapshot] = ()
        self.directory = RunDirectory(str(run))
        self.rejected = Rejected(str(state / "rejected.jsonl"))
        self.watcher = Watcher(
            self.directory,
            Settings(environ={"LIFESIGN_POLL_INTERVAL": "0.01"}),
            environ,
            self._tell_signals,
            self._tell_snapshots,
            Cursors(str(state / "cursors.json")),
            self.rejected,
            settle=self._settle,
        )

    def _tell_signals(self, resources: Sequence[Resource], signals: Sequence[Signal]) -> None:
        self.resources.update({resource.key: resource for resource in resources})
        self.told += signals

    async def _settle(self) -> bool:
        return self.safe

    def _tell_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        self.snapshots = snapshots

    async def look(self) -> list[Signal]:
        """One look; returns what was new."""
        before = len(self.told)
        await self.watcher.look()
        return self.told[before:]

    def close(self) -> None:
        self.watcher.close()
        self.directory.close()


@pytest.fixture
def sidecar(run: Path, tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    made: list[Sidecar] = []

    def make(**environ: str) -> Sidecar:
        made.append(Sidecar(run, tmp_path, **environ))
        return made[-1]

    yield make
    for one in made:
        one.close()
