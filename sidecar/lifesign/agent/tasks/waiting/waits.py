"""What a task waits for and what it holds, from the objects in the frames of its await stack.

``gc.get_referents`` of a suspended coroutine returns them without making a frame object, which would cost memory for
good (3.11 and newer; before, every coroutine has its frame object anyway). No method of the user is called, and
references are dropped at once.
"""

from __future__ import annotations

import gc
import sys
from types import BuiltinMethodType, CellType, FunctionType, MethodType
from typing import Any, Iterator, NamedTuple

from lifesign.agent.tasks.odd import read, type_name
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.walk import Link

_EXITS = frozenset(("__aexit__", "__exit__"))
_ENTERS = frozenset(("__aenter__", "acquire"))
_DESCRIPTORS = ("method_descriptor", "wrapper_descriptor")
_OWN_FRAMES = sys.version_info >= (3, 11)  # a coroutine is its own frame
_GENERATED = frozenset(("_AsyncGeneratorContextManager", "_GeneratorContextManager"))
_POOLS = {  # by the class of a context manager, where it keeps the pool that it took something from
    "PoolAcquireContext": ("pool",),  # asyncpg
    "AsyncConnection": ("sync_engine.pool",),  # SQLAlchemy
    "_BaseRequestContextManager": ("_resp._connection._connector",),  # aiohttp
    "_RequestContextManager": ("_resp._connection._connector",),
    "ClientResponse": ("_connection._connector",),
}
_MADE_OF_OTHERS = (("Queue", "join"), ("Barrier", "wait"))  # methods that wait in a primitive of their own
_CLOCKS = ("timeout", "cancelscope", "deadline")  # in the name of a class: it ends the wait by itself


class Wait(NamedTuple):
    """What a task waits for: `how` is the name of the coroutine that waits in it, such as ``acquire`` or ``get``."""

    thing: Any
    how: str


def objects(awaitable: Any) -> list[Any]:
    """The objects in the frame of a suspended coroutine."""
    if _OWN_FRAMES:
        return gc.get_referents(awaitable)
    frame = read(awaitable, "cr_frame", "gi_frame", "ag_frame")
    return [] if frame is None else gc.get_referents(frame)


def wait(links: list[Link]) -> Wait | None:
    """The primitive that the innermost library code of an await stack waits for; None where there is none."""
    found: Wait | None = None
    for link in reversed(links):
        if not link.in_library:
            break
        for thing in objects(link.awaitable):
            what = kind(thing)
            if what is not None and (found is None or what.pool or (what.label, link.code.co_name) in _MADE_OF_OTHERS):
                found = Wait(thing, link.code.co_name)
                break
    return found


def held(links: list[Link]) -> Iterator[tuple[Any, int]]:
    """What the ``with`` and ``async with`` blocks hold that a task is in, each with the index of its link.

    A block that is only being entered holds nothing yet, and neither does one whose condition waits to be notified.
    """
    for index, link in enumerate(links):
        inside = list(exits(objects(link.awaitable)))
        if inside and _is_entering(links[index + 1 :], inside[-1]):
            inside.pop()
        for thing in inside:
            yield thing, index
            for inner in _behind(thing):
                yield inner, index


def _behind(thing: Any) -> Iterator[Any]:
    """What a context manager stands for: what its generator holds in turn, or the pool that it took something from."""
    if type_name(thing) in _GENERATED:
        inside = objects(read(thing, "gen"))
        yield from exits(inside)
        yield from (one for one in inside if (what := kind(one)) is not None and what.pool)
        return
    for path in _POOLS.get(type_name(thing), ()):
        found = thing
        for attribute in path.split("."):
            found = read(found, attribute)
        if found is not None:
            yield found


def exits(referents: list[Any]) -> Iterator[Any]:
    """The objects of the ``with`` blocks that a frame is in, from what it refers to."""
    for index, one in enumerate(referents):
        if type(one) in (MethodType, BuiltinMethodType):
            if one.__name__ in _EXITS:
                yield one.__self__
        elif (type(one) is FunctionType or type_name(one) in _DESCRIPTORS) and one.__name__ in _EXITS:
            # 3.14 and newer keep the function, and behind it the object that it was taken from.
            yield from referents[index + 1 : index + 2]


def _is_entering(inner: list[Link], thing: Any) -> bool:
    """Whether the code just inside the frame with that block is what acquires it, and has not come back."""
    for link in inner:
        if link.code.co_name not in _ENTERS and not link.in_library:
            return False
        if link.code.co_name in _ENTERS and any(one is thing for one in objects(link.awaitable)):
            return True
        if link.code.co_name == "wait" and any(one is thing for one in objects(link.awaitable)):
            return True  # of a condition: it lets go of its lock meanwhile
    return False


def has_clock(links: list[Link]) -> bool:
    """Whether something will end this wait by itself: a timeout around it, or a sleep."""
    for link in links:
        name = link.code.co_name
        if name in ("wait_for", "sleep") and link.in_library:
            return True
        inside = objects(link.awaitable)
        if any(ends_by_itself(thing) for thing in exits(inside)):
            return True
        if name == "_wait" and link.in_library and any(timers(inside)):  # `asyncio.wait` with a timeout
            return True
    return False


def timers(referents: list[Any]) -> Iterator[Any]:
    """What ``call_later`` of a loop returned, from what a frame refers to; `asyncio.wait` has it in a cell."""
    for one in referents:
        found = read(one, "cell_contents") if type(one) is CellType else one
        if "TimerHandle" in type_name(found):
            yield found


def ends_by_itself(thing: Any) -> bool:
    """Whether a context manager is a timeout, by the name of its class."""
    name = type_name(thing).lower()
    return any(word in name for word in _CLOCKS)


def waits_for_executor(waiter: Any) -> bool:
    """Whether a future stands for a job in an executor: it passes its cancellation on to that job."""
    callbacks = read(waiter, "_callbacks")
    if type(callbacks) is not list:
        return False
    return any("_chain_future" in str(read(entry[0], "__qualname__")) for entry in callbacks if type(entry) is tuple)
