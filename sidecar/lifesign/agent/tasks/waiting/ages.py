"""For how long a task has been in its wait: the same future seen again is the same wait."""

from __future__ import annotations

import weakref
from typing import Any

from lifesign.agent.tasks.pace import Pace

TASKS_MAX = 10_000  # that are remembered between two surveys
FEW = 100  # tasks of a group that are remembered also where so many are


class _Wait(weakref.ref):  # type: ignore[type-arg]
    """The future that a task waits for, and when that was first seen: 10,000 of them are kept, so it is one object."""

    __slots__ = ("since",)
    since: float


class Ages:
    """What surveys saw, one after the other. It keeps no task and no future alive."""

    def __init__(self) -> None:
        self._before: dict[int, _Wait] = {}  # by the id of a task
        self._now: dict[int, _Wait] = {}
        self.are_full = False  # more are remembered only of groups that have few

    def begin(self) -> None:
        """A survey begins; what the one before saw is what it is compared with."""
        self._before, self._now, self.are_full = self._now, {}, False

    def end(self, pace: Pace) -> None:
        """The survey is over: what the one before saw is not needed any more."""
        pace.empty(self._before)

    def of(self, task: Any, waiter: Any, now: float, *, few: bool = False) -> float | None:
        """Seconds since the wait was first seen, on the monotonic clock; None where it is not remembered.

        Args:
            few: there are not many tasks in this group.
        """
        if len(self._now) >= TASKS_MAX:
            self.are_full = True
            if not few or len(self._now) >= 2 * TASKS_MAX:
                return None
        # By identity of a living object: ids alone are used again.
        seen = self._before.pop(id(task), None)
        if seen is None or seen() is not waiter:
            try:
                seen = _Wait(waiter)
            except TypeError:  # a future of another library
                return None
            seen.since = now
        self._now[id(task)] = seen
        return now - seen.since
