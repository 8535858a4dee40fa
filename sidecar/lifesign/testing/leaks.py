"""Tasks that a test has left behind: made in it, and still waiting when their loop is closed or the test is over.

What waits is looked at each time a loop stops. It is a leak if the next thing is that everything is cancelled for the
loop's close, and not the end of a fixture, which may put its tasks in order.
"""

from __future__ import annotations

import asyncio
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

from lifesign.agent import loops
from lifesign.agent.tasks import creation, odd
from lifesign.agent.tasks.dump import groups_of
from lifesign.judge.causes.leaks import left_behind

if TYPE_CHECKING:
    from types import FrameType

    from lifesign.wire.records import TaskGroup

# Who cancels all that is left: asyncio, anyio and uvloop's Runner; unittest up to 3.10.
_CLOSERS = frozenset(("_cancel_all_tasks", "cancel_all_tasks", "_tearDownAsyncioLoop"))
_CLOSERS_FRAMES = 12
# What runs the tests themselves: anyio's plugin, and unittest up to 3.10.
_RUNNERS = frozenset(("TestRunner._run_tests_and_fixtures", "_run_tests_and_fixtures", "_asyncioLoopRunner"))


class LeftTasks:
    """Looks for them from when it is made until `end`."""

    def __init__(self) -> None:
        self._since = float("inf")
        # None is kept alive: a test may look whether its loop is gone.
        self._loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._closing: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._waiting: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[TaskGroup]] = (
            weakref.WeakKeyDictionary()
        )
        self._left: list[TaskGroup] = []
        loops.on_turning.append(self._turning)

    def begin(self) -> None:
        """The test itself begins: what was made before it is its fixtures'."""
        self._since = time.monotonic()

    def so_far(self) -> list[str]:
        """A sentence for each group of those that were left in loops that are closed by now; each is said once."""
        found, self._left = self._left, []
        return [left_behind(group).sentence for group in found]

    def end(self) -> list[str]:
        """The same of all loops. The loops are as they were before the test."""
        loops.on_turning.remove(self._turning)
        for loop in list(self._loops):
            creation.untrack(loop)
        for groups in list(self._waiting.values()):
            self._left += groups
        return self.so_far()

    def _turning(self, loop: asyncio.AbstractEventLoop, starts: bool) -> None:
        try:
            self._loops.add(loop)
        except TypeError:  # somebody else's loop, of which there is no weak reference
            return
        if loop in self._closing:
            return
        if not starts:
            self._stopped(loop)
            return
        groups = self._waiting.pop(loop, [])
        if _is_closed_by(sys._getframe(1)):
            self._closing.add(loop)
            if sys.exc_info()[1] is None:  # else an exception ends it, and what is left is a consequence
                self._left += groups

    def _stopped(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = [task for task in asyncio.all_tasks(loop) if self._is_waiting(task)]
        if waiting:
            self._waiting[loop] = groups_of(waiting, loop)

    def _is_waiting(self, task: Any) -> bool:
        """Whether it was made in the test, and has something to wait for that nobody has ended yet."""
        origin = odd.read(task, creation.ATTRIBUTE)
        if type(origin) is not creation.Origin or origin.created < self._since:
            return False
        waiter = odd.waiter(task)
        if waiter is None or waiter.done() or odd.read(task, "_must_cancel") is True or odd.call(task, "cancelling"):
            return False
        return getattr(odd.coroutine(task), "__qualname__", "") not in _RUNNERS


def _is_closed_by(frame: FrameType | None) -> bool:
    """Whether the loop runs for the last time, to end what is left."""
    for _ in range(_CLOSERS_FRAMES):
        if frame is None:
            return False
        if frame.f_code.co_name in _CLOSERS:
            return True
        frame = frame.f_back
    return False
