"""What a task waits for that is no primitive: a clock, an answer of DNS, a future that somebody has to resolve.

Looked for in one task of each group that is written, since it costs more than the walk over all tasks may.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import weakref
from typing import Any, Iterator

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.waiting.blocks import ends_by_itself, exits, objects
from lifesign.agent.tasks.waiting.pools import Kind
from lifesign.agent.tasks.waiting.waits import first_callbacks, timers, unshielded, waits_for_executor
from lifesign.agent.tasks.walk import Link

_LOOKUPS = ("getaddrinfo", "getnameinfo")  # coroutines of a loop, which run in an executor
_SECONDS_MAX = 1e8
_RUNS = ("_run_until_complete_cb", "done_cb")  # what asyncio's and uvloop's loops add to the task that they run for


class Leaf:
    """What a task waits for in the end, and how: as `waits.Wait`, with what it is."""

    def __init__(self, thing: Any, how: str, kind: Kind) -> None:
        self.thing = thing
        self.how = how
        self.kind = kind


_SLEEP = Kind("sleep", lambda _: "")
_LOOKUP = Kind("DNS lookup", lambda _: "")
_FUTURE = Kind("Future", lambda _: "")
_LOST = Kind("Future", lambda _: "nothing else refers to it")


def leaf(task: Any, links: list[Link]) -> Leaf | None:
    """What the innermost code of a task's await stack waits for; None where that is of no known kind."""
    if not links:
        return None
    if not links[-1].in_library:
        if type(odd.waiter(task)) is not asyncio.Future or _stands_for_more(odd.waiter(task)):
            return None
        what = _LOST if _is_lost(task, links) else _FUTURE  # before anything here refers to the future
        return Leaf(odd.waiter(task), "await", what)
    how = links[-1].code.co_name
    if how != "sleep" and how not in _LOOKUPS:
        return None
    return Leaf(odd.waiter(task), how, _SLEEP if how == "sleep" else _LOOKUP)


def _stands_for_more(waiter: Any) -> bool:
    return waits_for_executor(waiter) or unshielded(waiter) is not waiter


def _is_lost(task: Any, links: list[Link]) -> bool:
    """Whether nobody but the task that waits for it, in its own frames, refers to the future: none can resolve it.

    One that stands in no variable is meant to wait for ever: nobody could ever have resolved it.
    """
    kept = [odd.waiter(task)]  # in a list, so that this function has one reference to it
    in_frames = sum(_times(objects(link.awaitable), kept) for link in links)
    iterator = odd.read(links[-1].awaitable, "cr_await", "gi_yieldfrom", "ag_await")
    known = 1 + in_frames + _times(gc.get_referents(iterator), kept)  # the task's own is the first
    # One weak reference is that of `ages`; a container of weak references has one of its own.
    return in_frames > 0 and weakref.getweakrefcount(kept[0]) <= 1 and _references(kept) == known + _OURS


def _times(things: list[Any], kept: list[Any]) -> int:
    return [id(one) for one in things].count(id(kept[0]))


def _references(kept: list[Any]) -> int:
    return sys.getrefcount(kept[0])


_OURS = _references([object()])


def time_left(links: list[Link]) -> float | None:
    """Seconds until a sleep, or the first of the timeouts around it, ends a wait; None where that is not known."""
    found = [when for clock in _clocks(links) if (when := _when(clock)) is not None]
    return min(_SECONDS_MAX, max(0.0, min(found) - time.monotonic())) if found else None


def _clocks(links: list[Link]) -> Iterator[Any]:
    for link in links:
        inside = objects(link.awaitable)
        if link.in_library and link.code.co_name in ("wait_for", "sleep", "_wait"):
            yield from timers(inside)
        yield from filter(ends_by_itself, exits(inside))


def _when(clock: Any) -> float | None:
    """The moment on the clock of the loop, which is the monotonic one."""
    found = odd.read(clock, "_when", "_deadline")
    if found is None:
        found = odd.call(clock, "when")
    return float(found) if type(found) in (int, float) and found < float("inf") else None


def keeps_the_loop(task: Any) -> bool:
    """Whether the loop runs until this task ends, as for the coroutine that ``asyncio.run`` was given."""
    return any(odd.read(one, "__name__") in _RUNS for one in first_callbacks(task))
