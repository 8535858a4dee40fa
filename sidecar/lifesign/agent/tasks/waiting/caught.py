"""What a task has caught: its cancellation, and errors that nobody has reported yet."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Literal

from lifesign.agent.exceptions import in_short
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.walk import Link, raised_at

if TYPE_CHECKING:
    from lifesign.wire.frames import CaughtError

ERRORS_MAX = 3  # of one task
_COLLECTED_MAX = 1000  # that are looked at
_COUNTED = sys.version_info >= (3, 11)  # only then a task knows how often it was asked to
_NO_ERRORS = (KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, StopAsyncIteration, asyncio.CancelledError)
_MEANT = (TimeoutError, asyncio.TimeoutError)  # a package that polls has one now and then
_WAITS = ("/asyncio/", "/anyio/", "/async_timeout/")
_GROUPS = ("_errors", "_exceptions")  # where a task group of asyncio's or anyio's keeps those of its tasks


def cancelled(task: Any, stack: list[Link]) -> Literal["", "swallowed", "cleanup"]:
    """``cleanup`` while it waits in a handler of the exception, ``swallowed`` where it has left that and goes on.

    Before 3.11 a task that goes on cannot be distinguished from one that was never cancelled.
    """
    if _COUNTED and not (odd.call(task, "cancelling") or 0):
        return ""
    if odd.read(task, "_must_cancel") is True:
        return ""  # it has not heard of it yet
    # A coroutine that is suspended in a handler refers to the exception, whatever its frame has.
    if any(type(found) is asyncio.CancelledError for link in stack for found in gc.get_referents(link.awaitable)):
        return "cleanup"
    return "swallowed" if _COUNTED else ""


def errors(stack: list[Link], together: Iterable[Any], collective: Iterable[Any]) -> list[CaughtError]:
    """The errors that a task keeps: those that its own code has caught, and those of others that it waits with.

    Args:
        stack: its await stack.
        together: the futures that it waits for together, those that are done among them.
        collective: what the function refers to that waits for them.
    """
    found: dict[tuple[str, object], CaughtError] = {}
    for collected, several in ((False, _handled(stack)), (True, _collected(together, collective))):
        for error in several:
            one = as_record(error, collected=collected)
            place = one["place"]
            if len(found) < ERRORS_MAX:
                found.setdefault((one["type"], None if place is None else (place["file"], place["line"])), one)
    return list(found.values())


def as_record(error: BaseException, *, collected: bool = False) -> CaughtError:
    """An exception as it is written."""
    kind, message = in_short(error)
    return {"type": kind, "message": message, "place": raised_at(error), "collected": collected}


def _handled(stack: list[Link]) -> Iterator[BaseException]:
    """What each function has caught, outermost first: in it the traceback begins. Packages that try again do so too."""
    for link in stack:
        for one in () if _is_of_asyncio(link) else gc.get_referents(link.awaitable):
            if is_error(one) and not (link.in_library and issubclass(type(one), _MEANT)):
                traceback = one.__traceback__
                if traceback is not None and traceback.tb_frame.f_code is link.code:
                    yield one


def _is_of_asyncio(link: Link) -> bool:
    return link.in_library and any(part in link.code.co_filename for part in _WAITS)


def _collected(together: Iterable[Any], collective: Iterable[Any]) -> Iterator[BaseException]:
    for seen, future in enumerate(together):
        if seen >= _COLLECTED_MAX:
            break
        error = odd.read(future, "_exception") if odd.is_done(future) else None
        if error is not None and is_error(error):
            yield error
    for one in collective:
        several = odd.read(one, *_GROUPS) if odd.type_name(one) == "TaskGroup" else None
        yield from filter(is_error, list(several)[:ERRORS_MAX] if type(several) is list else ())


def is_error(one: Any) -> bool:
    """Whether it is an exception that says that something went wrong."""
    return issubclass(type(one), BaseException) and not issubclass(type(one), _NO_ERRORS)
