"""The boots before, as a sidecar keeps them: compared at each poll, and read and saved beside the event loop."""

from __future__ import annotations

import asyncio
from typing import Callable, Sequence

from lifesign.off_loop import off_loop
from lifesign.watch.boots import Boots
from lifesign.watch.telemetry import Snapshot

_PATIENCE_S = 0.5


class RememberedBoots:
    """What `Boots` knows, as soon as it is read, and saved a moment after it has grown. No disk holds anybody up.

    Args:
        read: makes them of what is on disk.
    """

    def __init__(self, read: Callable[[], Boots]) -> None:
        self._read = read
        self._boots: Boots | None = None
        self._at_disk: asyncio.Task[None] | None = None  # reads or saves

    def compared(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """Snapshots with what is usual; boots that are complete by now are remembered."""
        idle = self._at_disk is None or self._at_disk.done()
        if self._boots is None:
            if idle:
                self._at_disk = asyncio.create_task(self._open(), name="lifesign boots")
            return list(snapshots)
        if self._boots.note(snapshots) and idle:
            self._save(self._boots)
        return self._boots.compared(snapshots)

    async def close(self) -> None:
        """Saves what is not saved yet, unless the disk takes its time: nobody waits for that."""
        before = self._at_disk
        if self._boots is not None and self._boots.unsaved:
            self._save(self._boots)
        pending = {task for task in (before, self._at_disk) if task is not None}
        if pending:
            await asyncio.wait(pending, timeout=_PATIENCE_S)

    async def _open(self) -> None:
        self._boots = await off_loop(self._read)

    def _save(self, boots: Boots) -> None:
        self._at_disk = asyncio.create_task(off_loop(boots.save), name="lifesign boots")
