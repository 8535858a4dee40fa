"""The boots before, as a sidecar keeps them: compared at each poll, and saved beside the event loop."""

from __future__ import annotations

import asyncio
from typing import Sequence

from lifesign.off_loop import off_loop
from lifesign.watch.boots import Boots
from lifesign.watch.telemetry import Snapshot

_PATIENCE_S = 0.5


class RememberedBoots:
    """What `Boots` knows, saved a moment after it has grown."""

    def __init__(self, boots: Boots) -> None:
        self._boots = boots
        self._saving: asyncio.Task[None] | None = None

    def compared(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """Snapshots with what is usual; boots that are complete by now are remembered."""
        if self._boots.note(snapshots) and (self._saving is None or self._saving.done()):
            self._save()
        return self._boots.compared(snapshots)

    async def close(self) -> None:
        """Saves what is not saved yet, unless the disk takes its time: nobody waits for that."""
        before = self._saving
        if self._boots.unsaved:
            self._save()
        pending = {task for task in (before, self._saving) if task is not None}
        if pending:
            await asyncio.wait(pending, timeout=_PATIENCE_S)

    def _save(self) -> None:
        self._saving = asyncio.create_task(off_loop(self._boots.save), name="lifesign boots")
