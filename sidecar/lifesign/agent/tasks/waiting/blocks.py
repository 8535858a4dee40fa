"""What the ``with`` and ``async with`` blocks hold that a task is in, from the objects in the frames of its stack.

``gc.get_referents`` of a suspended coroutine returns them without making a frame object, which would cost memory for
good (3.11 and newer; before, every coroutine has its frame object anyway). No method of the user is called, and
references are dropped at once.
"""

from __future__ import annotations

import gc
import sys
from types import BuiltinMethodType, FunctionType, MethodDescriptorType, MethodType, WrapperDescriptorType
from typing import Any, Callable, Iterator, Sequence

from lifesign.agent.tasks.odd import read, type_name
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.waiting.plan import Plan

Inside = Callable[[int], Sequence[Any]]  # the objects in the frame of a link, by its index

_EXITS = frozenset(("__aexit__", "__exit__"))
_ENTERS = frozenset(("__aenter__", "acquire"))
_OWN_FRAMES = sys.version_info >= (3, 11)  # a coroutine is its own frame
_GENERATED = frozenset(("_AsyncGeneratorContextManager", "_GeneratorContextManager"))
_STACKS = frozenset(("AsyncExitStack", "ExitStack"))
_EXITS_MAX = 100  # of one exit stack
_PARTS = {  # by the class of a context manager, where it keeps what it stands for
    "PoolAcquireContext": ("pool",),  # asyncpg
    "AsyncConnection": ("sync_engine.pool",),  # SQLAlchemy
    "AsyncSession": ("bind.sync_engine.pool",),
    "_BaseRequestContextManager": ("_resp._connection._connector",),  # aiohttp
    "_RequestContextManager": ("_resp._connection._connector",),
    "ClientResponse": ("_connection._connector",),
    "Response": ("stream._stream._httpcore_stream._pool",),  # httpx
    "PubSub": ("connection_pool",),  # redis
    "Pipeline": ("connection_pool",),
    "LockAdapter": ("_lock",),  # anyio, of one that was made before there was a loop
    "SemaphoreAdapter": ("_semaphore",),
    "CapacityLimiterAdapter": ("_limiter",),
}
_TAKEN = {  # by its class, what such a manager has only while it has taken something from its pool
    "PoolAcquireContext": "connection",
    "AsyncConnection": "sync_connection",
    "AsyncSession": "sync_session._transaction._connections",
    "PubSub": "connection",
    "Pipeline": "connection",
}
_CLOCKS = ("timeout", "cancelscope", "deadline")  # in the name of a class: it ends the wait by itself


def objects(awaitable: Any) -> list[Any]:
    """The objects in the frame of a suspended coroutine."""
    if _OWN_FRAMES:
        return gc.get_referents(awaitable)
    frame = read(awaitable, "cr_frame", "gi_frame", "ag_frame")
    return [] if frame is None else gc.get_referents(frame)


def entered(plan: Plan, inside: Inside) -> Iterator[tuple[Any, int]]:
    """The context managers of the blocks that were entered and not left, each with the index of its link.

    A block that is only being entered holds nothing yet, and neither does one that is being left or whose condition
    waits to be notified.
    """
    for index in plan.blocks:
        found = list(exits(inside(index)))
        if found and _is_between(found[-1], index, plan, inside):
            found.pop()
        for thing in found:
            yield thing, index


def behind(thing: Any) -> Iterator[Any]:
    """What a context manager stands for: what its generator holds in turn, or the pool that it took something from."""
    name = type_name(thing)
    if name in _GENERATED:
        found = objects(read(thing, "gen"))
        for one in exits(found):
            yield one
            yield from behind(one)
        for one in found:
            if (what := kind(one)) is not None and what.pool:
                yield one
            yield from _parts(one)
    elif name in _STACKS:
        callbacks = read(thing, "_exit_callbacks")
        for entry in list(callbacks)[-_EXITS_MAX:] if callbacks is not None else ():
            for one in exits(entry):
                yield one
                yield from behind(one)
    else:
        yield from _parts(thing)


def _parts(thing: Any) -> Iterator[Any]:
    name = type_name(thing)
    paths = _PARTS.get(name, ())
    if paths and name in _TAKEN and not at_path(thing, _TAKEN[name]):
        return
    for path in paths:
        part = at_path(thing, path)
        if part is not None:
            yield part


def at_path(thing: Any, path: str) -> Any:
    """The attribute of an attribute, and so on; None where there is none."""
    for attribute in path.split("."):
        thing = read(thing, attribute)
    return thing


def exits(referents: Sequence[Any]) -> Iterator[Any]:
    """The objects of the ``with`` blocks that a frame is in, from what it refers to."""
    for index, one in enumerate(referents):
        cls = type(one)
        if cls is MethodType or cls is BuiltinMethodType:
            if one.__name__ in _EXITS:
                yield one.__self__
        elif (
            cls is FunctionType or cls is MethodDescriptorType or cls is WrapperDescriptorType
        ) and one.__name__ in _EXITS:
            # 3.14 and newer keep the function, and behind it the object that it was taken from.
            yield from referents[index + 1 : index + 2]


def _is_between(thing: Any, index: int, plan: Plan, inside: Inside) -> bool:
    """Whether the code just inside the frame with that block enters or leaves it, and has not come back."""
    for inner in range(index + 1, len(plan.names)):
        name = plan.names[inner]
        if name not in _ENTERS and name not in _EXITS and not plan.in_library[inner]:
            return False
        if name in _ENTERS or name in _EXITS or name == "wait":  # of a condition: it lets go of its lock meanwhile
            found = inside(inner)
            if any(one is thing for one in found):
                return True
            if name == "wait" and any(read(one, "_lock") is thing for one in found if type_name(one) == "Condition"):
                return True
    return False


def ends_by_itself(thing: Any) -> bool:
    """Whether a context manager ends what is inside of it when a time is over."""
    name = type_name(thing).lower()
    return any(word in name for word in _CLOCKS)
