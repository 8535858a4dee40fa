"""The tasks that asyncio's own coroutines wait for, as their frames show them: needed before 3.14."""

from __future__ import annotations

from typing import Any, Iterable

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.waiting.edges import KNOWS_AWAITERS
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.waiting.waits import objects
from lifesign.agent.tasks.walk import Link

_WAITS = frozenset(("_wait", "wait_for", "__aexit__", "_aexit"))  # of `wait`, `wait_for` and `TaskGroup`


def children(links: list[Link]) -> list[Any]:
    """The tasks that the innermost coroutine of an await stack waits for, where it is one of these."""
    if KNOWS_AWAITERS or not links or not links[-1].in_library or links[-1].code.co_name not in _WAITS:
        return []
    found = (one for thing in objects(links[-1].awaitable) for one in _several(thing) if odd.is_task(one))
    return list({id(one): one for one in found}.values())


def _several(thing: Any) -> Iterable[Any]:
    if type(thing) is set:
        return list(thing)
    what = kind(thing)
    known = odd.read(thing, "_tasks") if what is not None and what.label == "TaskGroup" else None
    return list(known) if type(known) is set else (thing,)
