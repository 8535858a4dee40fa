"""The primitives of one dump: what each is, who waits for it, and who holds it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Iterator

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.odd import read
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.waiting.certainty import is_exclusive, may_have_let_go
from lifesign.agent.tasks.waiting.kinds import JOINED, ends_outside, kind
from lifesign.agent.tasks.waiting.leaves import Leaf
from lifesign.agent.tasks.waiting.naming import name_of
from lifesign.agent.tasks.waiting.pools import Kind
from lifesign.agent.tasks.waiting.waits import Wait
from lifesign.agent.tasks.walk import Link, place
from lifesign.wire.layout import HOLDERS_MAX

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, PrimitiveHolder, TaskPrimitive

PRIMITIVES_MAX = 50  # that a dump has
KEPT_MAX = 20_000  # that a walk holds
GROUPS_MAX = 20  # of one primitive's waiters that are written


_HOW = {
    "get": "an item from",
    "put": "room in",
    "receive": "an item from",
    "send": "room in",
    "join": "the end of all in",
}
_WITH_ITEMS = ("Queue", "memory stream")


class Holder:
    """A task, or a suspended generator, that is inside a ``with`` block of a primitive; `at` is the link with it.

    `wait` is the id of the future that the task was suspended at when that was seen.
    """

    __slots__ = ("at", "is_task", "links", "wait", "who")

    def __init__(self, who: Any, links: list[Link], at: int, is_task: bool, wait: int = 0) -> None:
        self.who = who
        self.links = links
        self.at = at
        self.is_task = is_task
        self.wait = wait


class Primitive:
    """One primitive. It is kept alive for as long as the dump is made, and so are those who hold it."""

    def __init__(self, thing: Any, what: Kind) -> None:
        self.thing = thing
        self.kind = what
        self.index = -1
        self.how = ""
        self.waiting: dict[int, int] = {}  # by the id of a group
        self.sample: list[Link] = []  # of one who waits
        self.holders: list[Holder] = []

    @property
    def may_hang(self) -> bool:
        """Whether nobody outside of the process is known to end a wait for it: one that waits for an item may be idle.

        A queue that is waited for in two places may be a pool, of which somebody wants a second item.
        """
        return (
            self.kind.pool or self.held_by is not None or self.how in ("put", "send", "join") or len(self.waiting) > 1
        )

    @property
    def held_by(self) -> int | None:
        """By how many it is held, where the primitive knows."""
        return None if self.kind.holders is None else self.kind.holders(self.thing)

    @property
    def waiters(self) -> int:
        return sum(self.waiting.values())


class Primitives:
    """All that the tasks of one dump wait for or hold, as far as there is room."""

    def __init__(self) -> None:
        self._by_id: dict[int, Primitive] = {}

    def waited(self, wait: Wait, links: list[Link], group: int) -> Primitive | None:
        """Notes a task of the group that waits."""
        if wait.how == "join":
            found: Primitive | None = self._by_id.setdefault(wait.identity, Primitive(wait.thing, JOINED))
        else:
            found = self._find(wait.thing)
        if found is not None:
            found.how = wait.how
            found.sample = found.sample or links
            found.waiting[group] = found.waiting.get(group, 0) + 1
        return found

    def ends_at(self, leaf: Leaf, links: list[Link], group: int, count: int) -> None:
        """Notes that the tasks of a group wait for something that is no primitive of the program's own."""
        found = self._by_id.setdefault(id(leaf.thing), Primitive(leaf.thing, leaf.kind))
        found.how, found.sample, found.waiting[group] = leaf.how, links, count

    def held(self, thing: Any, holder: Holder) -> None:
        """Notes somebody who holds it, where it is a primitive at all.

        A generator behind a task's context manager is in the task's name already.
        """
        found = self._find(thing)
        if found is None or ends_outside(found.kind) or any(one.who is holder.who for one in found.holders):
            return
        if holder.is_task or len(found.holders) < (found.held_by or 0):
            found.holders.append(holder)

    def _waited_for(self, pace: Pace) -> Iterator[Primitive]:
        for one in self._by_id.values():
            pace.step()
            if one.waiting:
                yield one

    def let_go(self, pace: Pace) -> None:
        """Refers to none of them any more."""
        pace.empty(self._by_id)

    def _find(self, thing: Any) -> Primitive | None:
        found = self._by_id.get(id(thing))
        if found is None and len(self._by_id) < KEPT_MAX:
            what = kind(thing)
            if what is not None:
                found = self._by_id[id(thing)] = Primitive(thing, what)
        return found

    def some_may_hang(self) -> bool:
        """Whether tasks wait for something that only the process itself can release."""
        return any(one.waiting and one.may_hang for one in self._by_id.values())

    def holders(self, identity: int) -> list[tuple[Any, int]] | None:
        """The tasks that hold it, each with the id of the future that it was suspended at when that was seen, where
        these are all of its holders; None where that is not certain.
        """
        found = self._by_id[identity]
        if not found.held_by or found.held_by != len(found.holders) or not is_exclusive(found.thing):
            return None
        if any(not one.is_task or may_have_let_go(found.thing, one.links[one.at :]) for one in found.holders):
            return None
        owner = odd.read(found.thing, "_owner_task")  # anyio's knows it
        if owner is not None and found.holders[0].who is not owner:
            return None
        return [(one.who, one.wait) for one in found.holders]

    def described(self, identity: int, how: str, different: int) -> str:
        """What somebody waits for who waits in this primitive, or in one of several like it."""
        found = self._by_id[identity]
        state = found.kind.state(found.thing)
        more = f" ({state})" if state else ""
        if different > 1:
            return f"{different} different {found.kind.label}s"
        text = f"{found.kind.label} {name_of(found.thing, found.sample)}".rstrip()
        held = _held_by(found.holders)
        wants = f"{_HOW[how]} " if how in _HOW and found.kind.label in _WITH_ITEMS else ""
        return f"{wants}{text}{more}{held}"

    def ranked(self, first: list[int], pace: Pace) -> list[Primitive]:
        """Those that are worth a record, numbered: the given ones, then by how many wait."""
        wanted = [self._by_id[identity] for identity in first]
        others = heapq.nlargest(PRIMITIVES_MAX, self._waited_for(pace), key=lambda one: one.waiters)
        chosen = list({id(one): one for one in (*wanted, *others)}.values())[:PRIMITIVES_MAX]
        for index, one in enumerate(chosen):
            one.index = index
        return chosen


def record(dump: str, primitive: Primitive, groups: dict[int, int]) -> TaskPrimitive:
    """The primitive as it is written; `groups` gives the index of a group by its id."""
    links = primitive.sample or next((holder.links for holder in primitive.holders), [])
    waiting = sorted(primitive.waiting.items(), key=lambda item: -item[1])[:GROUPS_MAX]
    return {
        "kind": "task_primitive",
        "dump": dump,
        "index": primitive.index,
        "type": primitive.kind.label,
        "name": name_of(primitive.thing, links),
        "state": primitive.kind.state(primitive.thing),
        "how": primitive.how,
        "place": own_place(primitive.sample),
        "waiting": [{"group": groups[group], "count": count} for group, count in waiting if group in groups],
        "holders": [_holder(one) for one in primitive.holders[:HOLDERS_MAX]],
        "held": primitive.held_by,
    }


def shape_of(primitive: Primitive) -> tuple[Any, ...]:
    """What makes a primitive look the same in two dumps: its kind, and the code that waits for it and holds it."""
    waiting = tuple(link.code.co_firstlineno for link in primitive.sample)
    holders = frozenset(
        (id(one.links[one.at].code), read(one.links[one.at].frame, "f_lineno")) for one in primitive.holders
    )
    return primitive.kind.label, primitive.how, waiting, holders


def _held_by(holders: list[Holder]) -> str:
    if not holders:
        return ""
    first = odd.name(holders[0].who) if holders[0].is_task else "a suspended generator"
    return f", held by {first}" + (f" and {len(holders) - 1} more" if len(holders) > 1 else "")


def _holder(holder: Holder) -> PrimitiveHolder:
    link = holder.links[holder.at]
    return {
        "task": odd.name(holder.who) if holder.is_task else None,
        "place": _place(link),
        "at": own_place(holder.links),
    }


def own_place(links: list[Link]) -> Frame | None:
    """The innermost place of an await stack in the user's own code; the innermost of all where there is none."""
    own = [link for link in links if not link.in_library] or links
    return _place(own[-1]) if own else None


def _place(link: Link) -> Frame:
    return place(link.code, read(link.frame, "f_lineno"))
