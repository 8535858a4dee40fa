"""What was told is kept in mind over restarts, but not before it is safe, and beside the looks.

The disk may be slow or stand still: no look waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Awaitable, Callable

from lifesign.off_loop import off_loop
from lifesign.watch.cursors import Cursors
from lifesign.watch.dead_letter import Rejected

_logger = logging.getLogger("lifesign.watch")


class Keeper:
    """Saves the cursors.

    Args:
        cursors: how far each story has been told.
        rejected: what could not be read; it is written down by the way.
        settle: waits until what was told so far is on disk; whether it would outlive a kill.
    """

    def __init__(self, cursors: Cursors, rejected: Rejected, settle: Callable[[], Awaitable[bool]]) -> None:
        self._cursors = cursors
        self._rejected = rejected
        self._settle = settle
        self._noted = 0
        self._content = b""
        self._task: asyncio.Task[None] | None = None
        self.kept = 0  # the newest note of which all is safe

    @property
    def busy(self) -> bool:
        """Whether it is at work on a note."""
        return self._task is not None and not self._task.done()

    @property
    def all_kept(self) -> bool:
        """Whether all that was told would outlive a kill."""
        return self.kept == self._noted

    def note(self) -> int:
        """Takes the cursors as they are now, after what they speak of was told; returns the number of the note."""
        self._noted += 1
        self._content = self._cursors.content()
        if not self.busy:
            self._task = asyncio.create_task(self._keep(), name="lifesign-cursors")
        return self._noted

    async def wait(self, seconds: float) -> None:
        """Waits until it has done what it can, at most so long."""
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=seconds)
            for task in done:
                task.result()

    async def _keep(self) -> None:
        while self.kept < self._noted:
            number, content = self._noted, self._content
            if not await self._settle():
                return  # the next note is another try
            if self._rejected.waiting or not self._cursors.are_saved(content):  # no thread for each idle look
                await off_loop(self._write, content)
            self.kept = number

    def _write(self, content: bytes) -> None:
        self._rejected.write()
        try:
            self._cursors.save(content)
        except OSError as error:
            _logger.debug("lifesign: the cursors could not be saved: %s", error)
