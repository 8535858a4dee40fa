"""What one task waits for and what it holds, from one look at its await stack."""

from __future__ import annotations

import gc
import itertools
from asyncio import Future
from types import CellType, FrameType, MethodType
from typing import Any, Iterator, Sequence

from lifesign.agent.tasks.odd import read, type_name
from lifesign.agent.tasks.waiting.blocks import at_path, behind, ends_by_itself, entered, objects
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.waiting.plan import Plan
from lifesign.agent.tasks.walk import DRIVEN, Link

GREENLET_FRAMES_MAX = 60  # that are walked
_SHIELDS_MAX = 10  # around one another
CALLBACKS_MAX = 20  # of one future that are looked at: what asyncio itself adds comes first


class Wait:
    """What a task waits for: `how` is the name of the coroutine that waits in it, such as ``acquire`` or ``get``."""

    __slots__ = ("how", "thing")

    def __init__(self, thing: Any, how: str) -> None:
        self.thing = thing
        self.how = how

    @property
    def identity(self) -> int:
        """What it is known by: who waits for the end of all items of a queue waits for something else than an item."""
        return id(read(self.thing, "_finished")) if self.how == "join" else id(self.thing)


class Look:
    """What was seen of one task.

    `held` has what it holds, each with the index of its link. `clock` says that something will end its wait by itself:
    a timeout around it, or a sleep. `collective` is what the function refers to that waits for several futures.
    """

    __slots__ = ("clock", "collective", "held", "wait")

    def __init__(self, wait: Wait | None, held: list[tuple[Any, int]], clock: bool, collective: Sequence[Any]) -> None:
        self.wait = wait
        self.held = held
        self.clock = clock
        self.collective = collective


def look(links: list[Link], plan: Plan) -> Look:
    """Looks into those frames of an await stack that the plan names, into each once."""
    seen: dict[int, Sequence[Any]] = {}

    def inside(index: int) -> Sequence[Any]:
        found = seen.get(index)
        if found is None:
            found = seen[index] = objects(links[index].awaitable)
        return found

    held: list[tuple[Any, int]] = []
    clock = plan.clock
    for thing, index in entered(plan, inside):
        held.append((thing, index))
        clock = clock or ends_by_itself(thing)
        for inner in behind(thing):
            held.append((inner, index))
            clock = clock or ends_by_itself(inner)
    found: Wait | None = None
    for index, packages in plan.tail:
        for thing in inside(index):
            if type(thing) is CellType:  # of a function inside a method
                thing = read(thing, "cell_contents")
            what = kind(thing)
            if what is None:
                if type_name(thing) == "_AsyncIoGreenlet":
                    found = _wait_in_greenlet(thing, inside(index)) or found
                continue
            if what.package not in packages or (found is not None and not what.outer):
                continue
            if what.pool:
                if what.waits_in.isdisjoint(plan.names[index:]):
                    held.append((thing, index))  # it is at work with something from that pool
                    continue
            elif what.waits_in and plan.names[index] not in what.waits_in:
                continue
            found = Wait(thing, plan.names[index])
            break
    collective = () if plan.collective is None else inside(plan.collective)
    clock = clock or any(timers(collective))
    return Look(found, held, clock, collective)


def _wait_in_greenlet(greenlet: Any, referents: Sequence[Any]) -> Wait | None:
    """What SQLAlchemy waits for: its own code is no coroutine, and is suspended in a greenlet.

    Args:
        referents: of the frame that runs it, with the method that it was given.
    """
    frame = read(greenlet, "gr_frame")
    names: list[str] = []
    while type(frame) is FrameType and len(names) < GREENLET_FRAMES_MAX:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    if "get" not in names or "_do_get" not in names[names.index("get") :]:
        return None
    for one in referents:
        for path in ("pool", "bind.pool", "engine.pool") if type(one) is MethodType else ():
            pool = at_path(one.__self__, path)
            if (what := kind(pool)) is not None and what.pool:
                return Wait(pool, "checkout")
    return None


def look_alone(links: list[Link]) -> Look:
    """As `look`, at a single await stack."""
    return look(links, Plan(tuple(link.code for link in links)))


def timers(referents: Sequence[Any]) -> Iterator[Any]:
    """What ``call_later`` of a loop returned, from what a frame refers to; `asyncio.wait` has it in a cell."""
    for one in referents:
        found = read(one, "cell_contents") if type(one) is CellType else one
        if "TimerHandle" in type_name(found):
            yield found


def first_callbacks(future: Any) -> Iterator[Any]:
    """What a future calls first when it is done.

    `_callbacks` of one is a copy of all, of which there are as many as wait for it; the collector has them as they are.
    """
    for one in gc.get_referents(future):
        if type(one) is dict:  # a future in Python has its attributes there
            one = one.get("_callbacks")
        if type(one) is list:
            yield from (entry[0] for entry in itertools.islice(one, CALLBACKS_MAX) if type(entry) is tuple and entry)
        elif type(one) not in DRIVEN:  # of a task
            yield one


def waits_for_executor(waiter: Any) -> bool:
    """Whether a future stands for a job in an executor: it passes its cancellation on to that job."""
    return any("_chain_future" in str(read(one, "__qualname__")) for one in first_callbacks(waiter))


def unshielded(waiter: Any) -> Any:
    """What stands behind ``asyncio.shield``, where a task waits for that; else the same."""
    for _ in range(_SHIELDS_MAX):
        inner = _shielded(waiter) if type(waiter) is Future else None
        if inner is None:
            break
        waiter = inner
    return waiter


def _shielded(outer: Any) -> Any:
    for one in first_callbacks(outer):
        if read(one, "__qualname__") != "shield.<locals>._outer_done_callback":
            continue
        names = read(read(one, "__code__"), "co_freevars") or ()
        cells = read(one, "__closure__") or ()
        return next((read(cell, "cell_contents") for name, cell in zip(names, cells) if name == "inner"), None)
    return None
