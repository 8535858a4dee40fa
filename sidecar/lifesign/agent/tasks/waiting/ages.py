"""For how long a task has been in its wait: the same future seen again is the same wait."""

from __future__ import annotations

import weakref
from typing import Any

TASKS_MAX = 10_000  # that are remembered between two surveys


class Ages:
    """What surveys saw, one after the other. It keeps no task and no future alive."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[weakref.ref[Any], float]] = {}  # by the id of a task
        self._now: dict[int, tuple[weakref.ref[Any], float]] = {}

    def begin(self) -> None:
        """A survey begins; what the one before saw is what it is compared with."""
        self._before, self._now = self._now, {}

    def end(self) -> None:
        """The survey is over: what the one before saw is not needed any more."""
        self._before = {}

    def of(self, task: Any, waiter: Any, now: float) -> float | None:
        """Seconds since the wait was first seen, on the monotonic clock; None where it is not remembered."""
        if len(self._now) >= TASKS_MAX:
            return None
        seen = self._before.get(id(task))
        # By identity of a living object: ids alone are used again.
        since = seen[1] if seen is not None and seen[0]() is waiter else now
        try:
            self._now[id(task)] = (weakref.ref(waiter), since)
        except TypeError:  # a future of another library
            return None
        return now - since
