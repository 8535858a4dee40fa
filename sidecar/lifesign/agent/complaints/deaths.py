"""Tasks that died: they ended by an exception, and nobody has asked for it.

asyncio complains of one that nobody refers to any more, see `asyncio_log`. Of one that is still referred to, as a
consumer that was started once and is kept in an attribute, it says nothing as long as the process lives: these are
looked for here, a few at each beat. A task whose exception was awaited, gathered or asked for in a callback did not
die; for that there are some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Any

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.exceptions import failure
from lifesign.agent.price import Price
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.population import Population
from lifesign.agent.tasks.waiting.edges import in_turn, together
from lifesign.agent.tasks.waiting.waits import look_alone
from lifesign.agent.tasks.walk import links, raised_at
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.complaints import TaskDied

GRACE_SECONDS = 5.0  # in which somebody may still ask for the exception
LOOKED_AT = 1000  # tasks at one beat
_ROUND_SECONDS = 1.0  # between the beginnings of two rounds
_PRICE = 500  # a pause is at least so many times what it costs to list tasks, where they must be listed
_KNOWN_MAX = 1000  # tasks that are remembered while they run, from 3.14 on; and dead ones
_WAITING_MAX = 1000
_REPORTED_MAX = 1000
_FRAMES_MAX = 100  # of a traceback
# They end the program, or an iteration: no task dies of them.
_NO_DEATHS = (KeyboardInterrupt, SystemExit, GeneratorExit, StopAsyncIteration, asyncio.CancelledError)

_reported: OrderedDict[int, str] = OrderedDict()  # exceptions, by id, of tasks that are referred to


class Deaths:
    """Looks for tasks that died and are still referred to."""

    def __init__(self, population: Population, counted: Counted) -> None:
        self._population = population
        self._counted = counted
        self._round: list[weakref.ReferenceType[Any]] = []  # what is left to look at in this round
        self._next_round = 0.0
        self._next_list = 0.0
        self._of_rounds, self._of_lists = Price(_PRICE), Price(_PRICE)
        self._running: dict[int, weakref.ReferenceType[Any]] = {}  # from 3.14 on, by the id of the task
        self._waiting: dict[
            int, tuple[weakref.ReferenceType[Any], float, int]
        ] = {}  # since when, by the id of the task
        self._known: dict[int, weakref.ReferenceType[Any]] = {}  # dead ones that were reported

    def look(self) -> None:
        """Looks at some more tasks; asked at every beat."""
        now = time.monotonic()
        if not self._round and now >= self._next_round:
            self._begin(now)
        looked = self._round[-LOOKED_AT:]
        del self._round[-LOOKED_AT:]
        for reference in looked:
            task = reference()
            if task is None or not _ended_badly(task) or len(self._waiting) >= _WAITING_MAX:
                continue
            known = self._known.get(id(task))
            if known is None or known() is not task:
                self._waiting.setdefault(id(task), (reference, now, time.time_ns()))
        self._tell(now)

    def _begin(self, now: float) -> None:
        ended = self._population.ended()
        if ended is not None:
            self._round = ended
            self._next_round = now + _ROUND_SECONDS
            return
        # From 3.14 on only tasks that run can be listed; those that are remembered are looked at when they have ended.
        if now >= self._next_list and len(self._running) < _KNOWN_MAX:
            used = time.thread_time_ns()
            self._remember()
            self._next_list = now + self._of_lists.rest(time.thread_time_ns() - used) / 1e9
        used = time.thread_time_ns()
        self._round = list(self._running.values())
        self._running = {
            key: reference
            for key, reference in self._running.items()
            if (task := reference()) is not None and not odd.is_done(task)
        }
        self._next_round = now + self._of_rounds.rest(time.thread_time_ns() - used) / 1e9

    def _remember(self) -> None:
        for task in self._population.each():
            known = self._running.get(id(task))
            if known is not None and known() is task:
                continue
            if len(self._running) >= _KNOWN_MAX:
                return
            with contextlib.suppress(TypeError):  # its class takes no weak references
                self._running[id(task)] = weakref.ref(task)

    def _tell(self, now: float) -> None:
        for key, reference in list(self._known.items()):
            if reference() is None:
                del self._known[key]
        due = [key for key, (_, since, _) in self._waiting.items() if now - since >= GRACE_SECONDS]
        will_be_asked = self._waited_for_with_others() if due else set()
        for key, (reference, since, found) in list(self._waiting.items()):
            task = reference()
            if task is None or not _ended_badly(task):
                del self._waiting[key]
            elif key in will_be_asked:
                self._waiting[key] = reference, now, found  # when the others have ended too
            elif now - since >= GRACE_SECONDS:
                del self._waiting[key]
                if len(self._known) < _KNOWN_MAX:
                    self._known[key] = reference
                    error = odd.read(task, "_exception")
                    function = odd.text(odd.read(odd.coroutine(task), "__qualname__"))
                    died(self._counted, odd.name(task), function, error, referenced=True, at=found)

    def _waited_for_with_others(self) -> set[int]:
        """The ids of tasks that somebody waits for together with others, or in turn, and so will ask."""
        found: set[int] = set()
        for task in islice(self._population.each(), LOOKED_AT):
            with contextlib.suppress(Exception):  # whatever it is, nobody waits in it
                stack = links(task)
                found.update(map(id, together(odd.waiter(task), look_alone(stack).collective)))
                found.update(map(id, in_turn(odd.waiter(task), stack)))
        return found


def died(
    counted: Counted,
    task: str,
    function: str,
    error: BaseException,
    *,
    referenced: bool,
    at: int | None = None,
    thread: bool = False,
    handed: str = "",
) -> None:
    """Notes that a task died; once, also where somebody referred to it at first and nobody does later.

    Args:
        thread: it was a thread, of that name.
        handed: it was a job whose future nobody has, handed to an executor, whose thread has that name, or to a loop.
    """
    kind = kind_of(error)
    if referenced:
        _reported[id(error)] = kind
        if len(_reported) > _REPORTED_MAX:
            _reported.popitem(last=False)
    elif _reported.pop(id(error), None) == kind:
        return
    where = raised_at(error)
    ended = time.time_ns() if at is None else at

    def made() -> TaskDied:
        return {
            "kind": "task_died",
            "task": task,
            "function": function,
            "referenced": referenced,
            "place": where,
            "error": failure(error),
            "count": 1,
            "at": ended,
            "thread": thread,
            "handed": handed,
        }

    line = (where["file"], where["line"]) if where is not None else None
    counted.note(("died", function, kind, line, thread, handed), made)


def is_death(error: Any) -> bool:
    """Whether a task that ends by this died of it."""
    return issubclass(type(error), BaseException) and not issubclass(type(error), _NO_DEATHS)


def began_in(error: BaseException) -> str:
    """The first function of the user's own in the traceback of an exception."""
    traceback = error.__traceback__
    for _ in range(_FRAMES_MAX):
        if traceback is None:
            break
        code = traceback.tb_frame.f_code
        if not is_library(code.co_filename):
            return odd.text(getattr(code, "co_qualname", code.co_name))
        traceback = traceback.tb_next
    return ""


def kind_of(error: BaseException | None) -> str:
    """The type of an exception, to tell groups apart."""
    return "" if error is None else odd.type_name(error)


def _ended_badly(task: Any) -> bool:
    """Whether it ended by an exception that nobody has asked for; to look at it is not to ask."""
    unasked = task._log_traceback if type(task) is asyncio.Task else odd.read(task, "_log_traceback")
    return unasked is True and is_death(odd.read(task, "_exception"))
