"""Backlogs: queues without a limit, and bytes that wait to be sent, of which there are more and more.

Queues are found where tasks have them: in a variable, in an attribute of an object in a variable, in a container there,
or in a global that their code names. Nothing refers to them from here but weakly, and of what is in them only the
number is read.
"""

from __future__ import annotations

import dis
import sys
import time
import weakref
from collections import deque
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, AbstractSet, Any, Callable, Iterable, Iterator

from lifesign.agent.harmless import harmless
from lifesign.agent.tasks.growth.grown import Grown
from lifesign.agent.tasks.odd import call, read, type_name
from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.waiting.blocks import objects
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.waiting.outside import peer
from lifesign.agent.tasks.walk import Link, links, place

if TYPE_CHECKING:
    from lifesign.agent.tasks.groups import WaitGroup
    from lifesign.wire.frames import Frame
    from lifesign.wire.threads import Backlog

ITEMS_MIN, BYTES_MIN = 1000, 8 << 20  # of which it may be said that they are too many
_NOTED = 10  # from which part of the least on it is remembered
_KNOWN_MAX, _WRITTEN_MAX = 100, 5
_GROUPS_MAX, _LINKS_MAX = 50, 5  # that are searched, and of one task
_VALUES_MAX = 20_000  # that are looked at, at one time
_CONTAINER_MAX = 1000
_TRANSPORTS_MAX = 5000
_SUMMED_MAX = 1000  # parts of a buffer of which the sizes are added up
_PLAIN = (str, bytes, int, float, bool, type(None), FunctionType, MethodType, ModuleType, type)
_OF_THREADS = {("queue", "Queue"): "queue.Queue", ("_queue", "SimpleQueue"): "queue.SimpleQueue"}
_CODE_BYTES_MAX, _METHODS_MAX = 20_000, 20  # of a function that is read
_VARIABLES = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "STORE_FAST_LOAD_FAST")
_TAKES, _PUTS = frozenset(("get", "get_nowait")), frozenset(("put", "put_nowait"))
_CONTAINERS = (dict, list, set, deque)
_SENT = "bytes"
_OWN_FUNCTION = sys.version_info >= (3, 11)  # a coroutine refers to its function; before, its frame is there anyway


class _Found:
    def __init__(self, thing: Any, label: str, name: str, size: int) -> None:
        self.thing, self.label, self.name, self.size = thing, label, name, size


class _Backlog:
    """One that has been seen, and who takes from it and puts into it."""

    def __init__(self, found: _Found, now: float) -> None:
        self.reference = weakref.ref(found.thing)
        self.label, self.name = found.label, found.name
        self.takes: Frame | None = None
        self.puts: Frame | None = None
        self.named: dict[bool, float] = {}  # at which look it was found out who takes (True) and who puts
        self.number = Grown(found.size, _least(found.label), now)

    def record(self) -> Backlog:
        return {
            "type": self.label,
            "name": self.name,
            "size": self.number.size,
            "before": self.number.first,
            "seconds": self.number.seconds,
            "takes": self.takes,
            "puts": self.puts,
        }


def _least(label: str) -> int:
    return BYTES_MIN if label == _SENT else ITEMS_MIN


class Backlogs:
    """Those of one process."""

    def __init__(self) -> None:
        self._known: dict[int, _Backlog] = {}

    def look(self, groups: Iterable[WaitGroup], loops: Iterable[Any], rest: Callable[[], None]) -> None:
        """Looks for new ones, in one task of each group, and how much there is of those that are known.

        Args:
            rest: called between the groups.
        """
        now = time.monotonic()
        search = _Search()
        for group, _ in zip(groups, range(_GROUPS_MAX)):
            rest()
            with harmless:  # whatever a task has in its frames, the others are looked at
                for link in [one for one in links(group.sample) if not one.in_library][: -_LINKS_MAX - 1 : -1]:
                    for found in search.queues(link):
                        self._note(found, now, link)
        for loop in loops:
            for found in _unsent(loop):
                self._note(found, now)
        for key, known in list(self._known.items()):
            thing = known.reference()
            size = None if thing is None else _size(thing)
            if size is None:
                del self._known[key]
            else:
                known.number.is_now(size, now)

    def growing(self) -> list[Backlog]:
        """Those that only grow, the largest first."""
        found = sorted(
            (one for one in self._known.values() if one.number.grows),
            key=lambda one: -one.number.size / one.number.least,
        )
        return [one.record() for one in found[:_WRITTEN_MAX]]

    def _note(self, found: _Found, now: float, link: Link | None = None) -> None:
        known = self._known.get(id(found.thing))
        if known is None or known.reference() is not found.thing:
            if found.size < _least(found.label) / _NOTED or len(self._known) >= _KNOWN_MAX:
                return
            known = self._known[id(found.thing)] = _Backlog(found, now)
        if link is None:
            return
        known.name = known.name or found.name
        if found.size >= known.number.least and not frozenset(link.code.co_names).isdisjoint(_TAKES | _PUTS):
            _see_who(known, found.thing, link, now)


def _see_who(known: _Backlog, queue: Any, link: Link, now: float) -> None:
    """Notes the task as one that takes from the queue, or puts into it, where its code does so.

    Of several it is the first that is found: of the largest group, not a `main` that has put in the first item.
    """
    frame = link.frame
    if frame is None:
        return
    at = place(link.code, frame.f_lineno)
    for *names, method in methods(link.code, _TAKES | _PUTS):
        takes = method in _TAKES
        if known.named.get(takes) != now and calls.resolve(frame, tuple(names)) is queue:
            known.named[takes] = now
            known.takes, known.puts = (at, known.puts) if takes else (known.takes, at)


def methods(code: CodeType, wanted: AbstractSet[str]) -> list[tuple[str, ...]]:
    """``self.orders.get()`` is ``("self", "orders", "get")``; only those methods, and none of what a call returns."""
    found: list[tuple[str, ...]] = []
    chain: tuple[str, ...] = ()
    for one in dis.get_instructions(code) if len(code.co_code) <= _CODE_BYTES_MAX else ():
        if one.opname.startswith(_VARIABLES):
            names = one.argval if isinstance(one.argval, tuple) else (one.argval,)  # two at once, from 3.13 on
            chain = (str(names[-1]),)
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain = (*chain, str(one.argval))
            if chain[-1] in wanted and len(chain) > 1 and len(found) < _METHODS_MAX:
                found.append(chain)
        elif one.opname not in ("CACHE", "EXTENDED_ARG"):
            chain = ()
    return list(dict.fromkeys(found))


class _Search:
    """Looks for queues without a limit, into each object once, and at each type that is none only once."""

    def __init__(self) -> None:
        self._left = _VALUES_MAX
        self._others = {id(one) for one in _PLAIN}  # ids of types; the same ones at most are looked at twice
        self._inside: dict[int, list[_Found]] = {}  # by the id of an object

    def queues(self, link: Link) -> list[_Found]:
        """Those that a frame has or knows, each with what it is called."""
        space: dict[str, Any] = {} if _OWN_FUNCTION else read(link.frame, "f_globals") or {}
        found: list[_Found] = []
        for one in objects(link.awaitable):
            if type(one) is CellType:
                one = read(one, "cell_contents")
            if type(one) is FunctionType and one.__code__ is link.code:
                space = one.__globals__
            elif not issubclass(type(one), _PLAIN):
                self._look_at(one, "", found)
                found += self._attributes_of(one)
        for name in link.code.co_names:
            if name in space:
                self._look_into(space[name], name, found)
        return found

    def _attributes_of(self, owner: Any) -> list[_Found]:
        known = self._inside.get(id(owner))
        if known is None:
            known = self._inside[id(owner)] = []
            for name, value in _attributes(owner) if self._left > 0 else ():
                if id(type(value)) not in self._others:
                    self._look_into(value, f"{type_name(owner)}.{name}", known)
        return known

    def _look_into(self, value: Any, name: str, found: list[_Found]) -> None:
        """At the value itself, or at what is in it where it is a container."""
        self._left -= 1
        if type(value) not in _CONTAINERS:
            self._look_at(value, name, found)
        elif len(value) <= min(_CONTAINER_MAX, self._left):
            every = list(value.values() if type(value) is dict else value)
            self._left -= len(every)
            for one in every:
                if id(type(one)) not in self._others:
                    self._look_at(one, f"{name}[...]", found)

    def _look_at(self, thing: Any, name: str, found: list[_Found]) -> None:
        label = _label(thing)
        if label is None:
            if type(thing) not in _CONTAINERS:
                self._others.add(id(type(thing)))
        elif not _limit(thing):
            size = _size(thing)
            if size is not None:
                found.append(_Found(thing, label, name, size))


def _label(thing: Any) -> str | None:
    cls = type(thing)
    label = _OF_THREADS.get((read(cls, "__module__"), type_name(thing)))
    what = kind(thing) if label is None else None
    return "Queue" if what is not None and what.label == "Queue" else label


def _limit(queue: Any) -> int:
    limit = read(queue, "_maxsize", "maxsize")
    return limit if type(limit) is int and limit > 0 else 0


def _size(thing: Any) -> int | None:
    """How many items are in a queue, or bytes in the buffer of a transport."""
    buffer = read(thing, "_buffer", "_queue", "queue")
    try:
        if buffer is None:
            found = call(thing, "qsize")
            return found if type(found) is int else None
        if read(thing, "_buffer") is None or type(buffer) is bytearray:
            return len(buffer)
        if len(buffer) > _SUMMED_MAX:  # to add them all up would take time
            return len(buffer) * (len(buffer[0]) + len(buffer[-1])) // 2
        return sum(map(len, buffer))
    except BaseException:  # noqa: BLE001 - it changes meanwhile, or is none
        return None


def _attributes(one: Any) -> list[tuple[str, Any]]:
    """An instance's own attributes, past whatever its class makes of them."""
    try:
        found = object.__getattribute__(one, "__dict__")
        return list(found.items()) if type(found) is dict and len(found) <= _CONTAINER_MAX else []
    except BaseException:  # noqa: BLE001 - slots, proxies, and properties of that name
        return []


def _unsent(loop: Any) -> Iterator[_Found]:
    """What waits to be sent, by the transports of a loop; uvloop's do not show it."""
    known = read(read(loop, "_transports"), "data")
    for reference in list(known.values())[:_TRANSPORTS_MAX] if type(known) is dict else ():
        transport = call(reference, "__call__")
        size = None if transport is None else _size(transport)
        if size is not None and size >= BYTES_MIN / _NOTED:
            yield _Found(transport, _SENT, peer(_Carried(transport)), size)


class _Carried:
    """Has its transport as a stream has it."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
