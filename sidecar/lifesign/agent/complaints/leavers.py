"""Tasks that have run for most of the time, one of a kind, and have ended without an error.

A consumer whose stream was closed by the other side returns; one that somebody waited for with a timeout is cancelled.
Nothing is printed then, and nothing waits: the work is not done any more, that is all. Tasks of which there are
several, such as those of requests, end all the time, and are not noted.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.price import Price
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.finished import outcome_of
from lifesign.agent.tasks.population import Population
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.complaints import TaskEnded

LIVED_MIN = 5.0  # seconds
TASKS_MAX = 200  # of which there are more than that have no task that stands for a part of the program
_FUNCTIONS_MAX = 500
_MOST = 0.5  # of the time since it began to look
_PRICE = 1000  # a pause is at least so many times what it costs to look once


class _Remembered:
    def __init__(
        self, reference: weakref.ReferenceType[Any], name: str, function: str, code: int, since: float
    ) -> None:
        self.reference = reference
        self.name = name
        self.function = function
        self.code = code
        self.since = since


class Leavers:
    """Looks for them.

    Args:
        population: the tasks of this process.
        counted: where those are noted that have ended.
    """

    def __init__(self, population: Population, counted: Counted) -> None:
        self._population = population
        self._counted = counted
        self._known: dict[int, _Remembered] = {}  # by the id of a task
        self._seen: dict[int, int] = {}  # how many tasks there have been, by the id of their code
        self._first = 0.0
        self._next = 0.0
        self._price = Price(_PRICE)

    def look(self) -> None:
        """Looks who has come and who has gone; asked about once a second."""
        now = time.monotonic()
        if now < self._next or self._population.count().unfinished > TASKS_MAX:
            return
        # Not by the clock: on a busy machine another thread may have the processor meanwhile.
        used = time.thread_time_ns()
        self._first = self._first or now
        for key, known in list(self._known.items()):
            task = known.reference()
            if task is None or odd.is_done(task):
                del self._known[key]
                self._left(known, task, now)
        for task in self._population.each():
            before = self._known.get(id(task))
            if (before is None or before.reference() is not task) and len(self._seen) < _FUNCTIONS_MAX:
                self._came(task, now)
        self._next = now + self._price.rest(time.thread_time_ns() - used) / 1e9

    def _came(self, task: Any, now: float) -> None:
        code = odd.read(odd.coroutine(task), "cr_code")
        if code is None or odd.is_done(task) or is_library(odd.text(odd.read(code, "co_filename"))):
            return
        self._seen[id(code)] = self._seen.get(id(code), 0) + 1
        try:
            reference = weakref.ref(task)
        except TypeError:  # its class takes none
            return
        function = odd.text(odd.read(odd.coroutine(task), "__qualname__"))
        self._known[id(task)] = _Remembered(reference, odd.name(task), function, id(code), now)

    def _left(self, known: _Remembered, task: Any, now: float) -> None:
        lived = now - known.since
        if lived < LIVED_MIN or lived < (now - self._first) * _MOST or self._seen.get(known.code) != 1:
            return
        outcome = "ended" if task is None else outcome_of(task).outcome
        if outcome.startswith("raised "):
            return  # it has died
        said = {"cancelled": "was cancelled", "ended": "ended"}.get(outcome, "returned")
        ended = time.time_ns()

        def made() -> TaskEnded:
            return {
                "kind": "task_ended",
                "task": known.name,
                "function": known.function,
                "outcome": said,
                "lived": lived,
                "count": 1,
                "at": ended,
            }

        self._counted.note(("ended", known.function), made)
