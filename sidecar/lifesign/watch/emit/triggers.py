"""When the sidecar itself requests a task dump: for what only the sidecar can see."""

from __future__ import annotations

from typing import AbstractSet

from lifesign.judge import states
from lifesign.wire import layout

SHUTDOWN_NS = 5_000_000_000  # a process that was asked to end and is there after this long hangs
LEAK_TASKS = 1000  # the first count at which growth is worth a dump; then at each doubling

SILENT = layout.REQUEST_REASONS.index("silent")
SHUTDOWN = layout.REQUEST_REASONS.index("shutdown")
LEAK = layout.REQUEST_REASONS.index("leak")


class Triggers:
    """Decides for one process; each reason once per episode."""

    def __init__(self) -> None:
        self._silent: AbstractSet[str] = frozenset()
        self._asked_since: int | None = None
        self._shutdown_asked = False
        self._next_leak = LEAK_TASKS

    def due(
        self, state: str, *, asked: bool, tasks: int, now: int, silent: AbstractSet[str] = frozenset()
    ) -> list[int]:
        """Words of the request block to be asked now.

        Args:
            state: the newest verdict.
            asked: whether the end of the process was asked for.
            tasks: how many there are.
            now: monotonic nanoseconds.
            silent: the names of the promised events that are overdue.
        """
        words: list[int] = []
        if silent - self._silent:
            words.append(SILENT)
        self._silent = silent
        if asked and state not in states.ENDED:
            self._asked_since = self._asked_since or now
            if not self._shutdown_asked and now - self._asked_since >= SHUTDOWN_NS:
                self._shutdown_asked = True
                words.append(SHUTDOWN)
        if tasks >= self._next_leak:
            self._next_leak = 2 * tasks
            words.append(LEAK)
        return words
