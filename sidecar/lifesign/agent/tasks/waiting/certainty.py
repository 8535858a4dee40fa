"""What keeps a ring of waits from being a certain deadlock: a wrong one is worse than none.

These looks cost too much for every task, and are only taken at what is in a ring.
"""

from __future__ import annotations

import gc
import itertools
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any, Iterable, Iterator

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.waiting.blocks import exits, objects
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.walk import Link

TIMERS_MAX = 20_000  # of a loop that are looked at
_OBJECTS_MAX = 100  # that one timer leads to
_PACKAGES = ("asyncio", "anyio")
_BLOCK = ("__aenter__", "__aexit__")
_SEVERAL = (set, frozenset, list, tuple, dict)
_PLAIN = (str, bytes, int, float, bool, type(None))


def is_exclusive(thing: Any) -> bool:
    """Whether who is inside its block holds it: a subclass may have blocks that mean something else."""
    cls = type(thing)
    modules = (odd.text(odd.read(odd.read(cls, name), "__module__")) for name in _BLOCK)
    return all(module.partition(".")[0] in _PACKAGES for module in modules)


def may_have_let_go(thing: Any, links: list[Link]) -> bool:
    """Whether code inside the block may have released the primitive for a while, by hand or by a context manager.

    Args:
        links: the await stack from the link with the block inwards.
    """
    for link in links:
        if not link.in_library and {"acquire", "release"} <= set(link.code.co_names):
            return True
        if any(_refers_to(manager, thing) for manager in exits(objects(link.awaitable))):
            return True
    return False


def _refers_to(manager: Any, thing: Any) -> bool:
    """Whether a context manager that is not the primitive itself may do something with it."""
    if manager is thing or kind(manager) is not None:
        return False
    generator = odd.read(manager, "gen")
    inside = objects(generator) if generator is not None else _attributes(manager)
    code = odd.read(generator, "ag_code", "gi_code")
    if code is not None and "release" not in code.co_names:
        return False
    return any(one is thing for one in inside)


def end_of_a_timer(tasks: Iterable[Any], loops: Iterable[Any]) -> bool:
    """Whether a timer of these loops has something to do with one of the tasks, and may cancel it."""
    wanted = {id(task) for task in tasks}
    return any(
        _leads_to(first, loop, wanted) for loop in loops for first in itertools.islice(_timers(loop), TIMERS_MAX)
    )


def _timers(loop: Any) -> Iterator[list[Any]]:
    """Of each timer what it will call, and with what."""
    scheduled = odd.read(loop, "_scheduled")
    if scheduled is not None:
        for handle in list(scheduled):
            if odd.read(handle, "_cancelled") is not True:
                yield [odd.read(handle, "_callback"), *(odd.read(handle, "_args") or ())]
        return
    for one in gc.get_referents(loop):  # uvloop keeps them where only the collector sees them
        for handle in list(one) if type(one) is set else ():
            if odd.type_name(handle) == "TimerHandle":
                yield gc.get_referents(handle)


def _leads_to(found: list[Any], loop: Any, wanted: set[int]) -> bool:
    for number, one in enumerate(found):  # it grows meanwhile
        if id(one) in wanted:
            return True
        if number < _OBJECTS_MAX and len(found) < 10 * _OBJECTS_MAX and one is not loop and not odd.is_task(one):
            found.extend(_parts(one))
    return False


def _parts(one: Any) -> Iterable[Any]:
    if type(one) is MethodType:
        return (one.__self__,)
    if type(one) is FunctionType:
        return (*(one.__closure__ or ()), *(one.__defaults__ or ()))
    if type(one) is CellType:
        return (odd.read(one, "cell_contents"),)
    if type(one) is partial:
        return (one.func, *one.args, *one.keywords.values())
    if odd.is_one_of(one, _SEVERAL):
        return list(one.values() if type(one) is dict else one)
    bound = odd.read(one, "__self__")  # the method of a task of C is a built-in one
    return (bound,) if bound is not None else _attributes(one)


def _attributes(one: Any) -> list[Any]:
    """The values of an object's own attributes, and of the slots that its class says it has."""
    if odd.is_one_of(one, _PLAIN) or issubclass(type(one), (type, ModuleType)):
        return []
    try:
        own = object.__getattribute__(one, "__dict__")
        values = list(own.values()) if type(own) is dict else []
    except BaseException:  # noqa: BLE001 - it has none
        values = []
    slots = odd.read(type(one), "__slots__")
    return values + [odd.read(one, name) for name in (slots if type(slots) is tuple else ()) if type(name) is str]
