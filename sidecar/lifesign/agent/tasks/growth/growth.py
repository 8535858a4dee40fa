"""What becomes too much: threads by what they run, executors that nobody shuts down, backlogs, and open files."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any, Sequence

from lifesign.agent.harmless import harmless
from lifesign.agent.system.descriptors import nearly_all
from lifesign.agent.tasks.growth.backlogs import Backlogs
from lifesign.agent.tasks.growth.grown import Grown
from lifesign.agent.tasks.odd import read, text, type_name
from lifesign.agent.tasks.threads.executors import behind
from lifesign.agent.tasks.walk import place

if TYPE_CHECKING:
    from types import CodeType

    from lifesign.agent.tasks.groups import WaitGroup
    from lifesign.agent.tasks.pace import Pace
    from lifesign.wire.threads import Backlog

THREADS_MIN = 100
_LISTED_MAX = 5000
_KINDS_MAX, _WRITTEN_MAX = 200, 3
_EXECUTOR = ("executor", "")  # of which each has threads of its own


class ThreadGrowth:
    """Counts them now and then."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Grown] = {}
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def count(self) -> None:
        """Reads how many there are of each kind."""
        now = time.monotonic()
        counts: dict[tuple[str, str], int] = {}
        executors: set[int] = set()
        for thread in list(threading._active.values())[:_LISTED_MAX]:  # type: ignore[attr-defined]
            executor = behind(thread)
            if executor is not None:
                executors.add(id(executor))
                continue
            function = _started_with(thread)
            if function is not None:
                kind = "thread", text(read(function, "__qualname__") or type_name(function))
                counts[kind] = counts.get(kind, 0) + 1
                self._codes[kind] = read(function, "__code__")
        counts[_EXECUTOR] = len(executors)
        for kind in [one for one in self._known if one not in counts]:
            del self._known[kind]
        for kind, size in counts.items():
            known = self._known.get(kind)
            if known is not None:
                known.is_now(size, now)
            elif len(self._known) < _KINDS_MAX:
                self._known[kind] = Grown(size, THREADS_MIN, now)
        self._codes = {kind: code for kind, code in self._codes.items() if kind in self._known}

    def growing(self) -> list[Backlog]:
        """Those that only become more, the most first."""
        found = sorted((item for item in self._known.items() if item[1].grows), key=lambda item: -item[1].size)
        return [self._record(kind, known) for kind, known in found[:_WRITTEN_MAX]]

    def _record(self, kind: tuple[str, str], known: Grown) -> Backlog:
        code = self._codes.get(kind)
        return {
            "type": kind[0],
            "name": kind[1],
            "size": known.size,
            "before": known.first,
            "seconds": known.seconds,
            "takes": None,
            "puts": None if code is None else place(code, code.co_firstlineno),
        }


def _started_with(thread: Any) -> Any:
    """The function that a thread runs; None for one that Python itself has made."""
    target = read(thread, "_target")
    while type(target) is functools.partial:
        target = target.func
    if target is not None:
        return target
    run = read(type(thread), "run")
    return None if run is threading.Thread.run else run


class Growth:
    """What grows in one process."""

    def __init__(self) -> None:
        self._backlogs = Backlogs()
        self._threads = ThreadGrowth()
        self._files_used_up = self._grows = False

    def growing(self, groups: Sequence[WaitGroup], loops: Sequence[Any], pace: Pace) -> list[Backlog]:
        """What has only grown, after all of it was counted once more."""
        with harmless:
            self._backlogs.look(groups, loops, pace.look)
            pace.rest()
            self._threads.count()
        return [*self._backlogs.growing(), *self._threads.growing()]

    def reason(self, groups: Sequence[WaitGroup], loops: Sequence[Any], pace: Pace) -> str:
        """The reason for a dump, each time that something begins to be too much."""
        had, self._files_used_up = self._files_used_up, nearly_all() is not None
        grew, self._grows = self._grows, bool(self.growing(groups, loops, pace))
        if self._files_used_up and not had:
            return "open files"
        return "backlog" if self._grows and not grew else ""
