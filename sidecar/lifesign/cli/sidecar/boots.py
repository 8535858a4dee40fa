"""The boots before, as a sidecar keeps them: compared at each poll, and saved beside the event loop."""

from __future__ import annotations

import asyncio
from typing import Sequence

from lifesign.off_loop import off_loop
from lifesign.watch.boots import Boots
from lifesign.watch.telemetry import Snapshot


class RememberedBoots:
    """What `Boots` knows, saved a moment after it has grown."""

    def __init__(self, boots: Boots) -> None:
        self._boots = boots
        self._saving: asyncio.Task[None] | None = None

    def compared(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """Snapshots with what is usual; boots that are complete by now are remembered."""
        if self._boots.note(snapshots) and (self._saving is None or self._saving.done()):
            self._saving = asyncio.create_task(off_loop(self._boots.save), name="lifesign boots")
        return self._boots.compared(snapshots)

    def close(self) -> None:
        """Saves what is not saved yet."""
        self._boots.save()
