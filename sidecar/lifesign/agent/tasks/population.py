"""Which tasks there are: those of all loops of this process, seen from outside their threads."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import weakref
from _random import Random  # the module around it costs more to import
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable, Collection, Iterator, NamedTuple, Sequence

from lifesign.agent.harmless import complain
from lifesign.agent.price import Price
from lifesign.agent.tasks import odd, own

if TYPE_CHECKING:
    from lifesign.agent.tasks.pace import Aside

_LOOKED_AT = 10_000  # tasks of which it is looked whether they have ended; of more, so many are drawn:
_DRAWN = 1_000
_BIT = 20  # tasks that are handed over, and references that are let go of, at once
_draw = Random().random
_FEW = 500  # that are looked at each time
_SHARE_SECONDS, _DRAW_SECONDS = 1.0, 10.0  # between two looks at all, and between two draws
_PRICE = 100  # a pause between two counts is at least so many times what one costs
_KNOWN_BY_LOOP = sys.version_info >= (3, 14)  # from there on most tasks are in no registry


class TaskCount(NamedTuple):
    """How many tasks there are, and how many finished ones that somebody still refers to.

    The latter are known below 3.14 alone, and of more than some thousand tasks both come from a sample.
    """

    unfinished: int
    finished: int


class Population:
    """The tasks of some event loops.

    Args:
        loops: gives the loops that run now.
        aside: keeps what is walked over, so that who walks is not the last to let go of it.
    """

    def __init__(self, loops: Callable[[], list[asyncio.AbstractEventLoop]], aside: Aside | None = None) -> None:
        self.loops = loops
        self._aside = aside
        self._next_count = 0.0
        self._price = Price(_PRICE)
        self._count = TaskCount(0, 0)
        self._fewest: int | None = None
        self._next_share = 0.0
        self._share = 0.0

    def count(self) -> TaskCount:
        """How many there are but our own; asked at every beat, so counted no oftener than it is cheap."""
        if time.monotonic() >= self._next_count:
            used = time.thread_time_ns()
            with contextlib.suppress(BaseException):  # below it are methods of the user's tasks
                self._count = self._counted()
                self._fewest = sum(self._count) if self._fewest is None else min(self._fewest, sum(self._count))
            # One per cent of a core at most, and where each count lists all of very many tasks seldom at that.
            seldom = _DRAW_SECONDS if _KNOWN_BY_LOOP and self._count.unfinished > _LOOKED_AT else 0.0
            rest = self._price.rest(time.thread_time_ns() - used)
            self._next_count = time.monotonic() + max(seldom, rest / 1e9)
        return self._count

    def take_fewest(self) -> int | None:
        """The least count, finished ones too, since this was asked last; None if there was none since."""
        fewest, self._fewest = self._fewest, None
        return fewest

    def walk(self) -> Iterator[list[Any]]:
        """The same as `each`, some at a time, for a walk that takes its time.

        Who walks says at the end what there was, by `saw`.
        """
        if sum(self._count) > _LOOKED_AT:
            self._next_share = time.monotonic() + _DRAW_SECONDS  # one list of so many at a time is enough
        return self._kept(self._bits(_BIT))

    def _kept(self, bits: Iterator[list[Any]]) -> Iterator[list[Any]]:
        for some in bits:
            if self._aside is not None:
                self._aside.keep(some)
            yield some

    def saw(self, unfinished: int, finished: int) -> None:
        """Notes how many of very many tasks a walk has found finished: that need not be estimated for a while."""
        if unfinished + finished > _LOOKED_AT:
            self._share = finished / (unfinished + finished)
            self._next_share = time.monotonic() + _DRAW_SECONDS

    def running(self) -> list[Any]:
        """The tasks that are running now, at most one per loop."""
        return [task for task in (asyncio.current_task(loop) for loop in self.loops()) if task is not None]

    def each(self) -> Iterator[Any]:
        """Every task but our own; below 3.14 done ones that somebody still refers to may be among them."""
        return chain.from_iterable(self._bits(1))

    def _bits(self, most: int) -> Iterator[list[Any]]:
        """All of them, so many at a time: whoever has them may be the last to let go of them.

        They are listed when this returns, but for those of loops from 3.14 on.
        """
        ours = own.ids()
        if _KNOWN_BY_LOOP:
            return chain.from_iterable(_taken_out_of(_of_loop(loop), most, ours) for loop in self.loops())
        # list() of the set of references is one step under the GIL; iterating the WeakSet is not.
        return chain(_referred_to(list(_registry().data), most, ours), (list(_eager()),))

    def ended(self) -> list[weakref.ReferenceType[Any]] | None:
        """All tasks that somebody still refers to, those that have ended among them; None where they are not known.

        That is from 3.14 on, where only tasks that run can be listed.
        """
        return None if _KNOWN_BY_LOOP else list(_registry().data)

    def generators(self) -> Iterator[Any]:
        """The async generators that were begun and are not finished, as far as the loops know them."""
        for loop in self.loops():
            known = getattr(loop, "_asyncgens", None)
            yield from chain.from_iterable(_referred_to(list(getattr(known, "data", ())), _BIT))

    def _counted(self) -> TaskCount:
        ours = own.count(finished=False)
        if _KNOWN_BY_LOOP:
            return TaskCount(max(0, sum(len(asyncio.all_tasks(loop)) for loop in self.loops()) - ours), 0)
        known = len(_registry().data) + len(_eager())
        if known < _FEW or time.monotonic() >= self._next_share:
            self._next_share = time.monotonic() + (_SHARE_SECONDS if known <= _LOOKED_AT else _DRAW_SECONDS)
            self._share = self._finished_share()
        finished = round(known * self._share)
        return TaskCount(max(0, known - finished - ours), max(0, finished - own.count(finished=True) + ours))

    def _finished_share(self) -> float:
        """Which share of the tasks in the registry have ended: of all, or of some drawn from it."""
        references = looked_at = list(_registry().data)
        if len(references) > _LOOKED_AT:  # drawn: the order of a set goes by address, and so by age
            looked_at = [references[int(_draw() * len(references))] for _ in range(_DRAWN)]
        ended = sum(task is not None and odd.is_done(task) for task in (reference() for reference in looked_at))
        return ended / len(looked_at) if looked_at else 0.0


class Some(Population):
    """Just these tasks, of one loop."""

    def __init__(self, tasks: Sequence[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(lambda: [loop])
        self._tasks = tasks

    def count(self) -> TaskCount:
        return TaskCount(len(self._tasks), 0)

    def _bits(self, most: int) -> Iterator[list[Any]]:
        return iter((list(self._tasks),))

    def generators(self) -> Iterator[Any]:
        return iter(())


def _referred_to(references: list[Any], most: int, without: Collection[int] = ()) -> Iterator[list[Any]]:
    """What is still there of what these refer to, but for some by their ids; the list is empty then."""
    while references:
        some = references[-most:]
        del references[-most:]  # to free 100,000 at once would take a millisecond
        yield [found for one in some if (found := one()) is not None and id(found) not in without]


def _taken_out_of(tasks: set[Any], most: int, without: Collection[int]) -> Iterator[list[Any]]:
    """All of a set but some by their ids; it is empty then."""
    while tasks:  # a few are let go of when they were seen, and all of them not at once
        some = [tasks.pop() for _ in range(min(most, len(tasks)))]
        yield [task for task in some if id(task) not in without]


def _of_loop(loop: asyncio.AbstractEventLoop) -> set[Any]:
    try:
        return asyncio.all_tasks(loop)
    except BaseException as error:  # noqa: BLE001 - it calls `done` of each, and one raised
        complain("asyncio cannot list its own tasks, nor can a task dump", error)
        return set()


def _registry() -> Any:
    scheduled = getattr(asyncio.tasks, "_scheduled_tasks", None)  # 3.12 and 3.13
    return asyncio.tasks._all_tasks if scheduled is None else scheduled  # type: ignore[attr-defined]


def _eager() -> Any:
    return getattr(asyncio.tasks, "_eager_tasks", ())
