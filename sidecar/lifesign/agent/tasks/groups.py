"""Tasks that wait at the same lines are one group.

Code objects distinguish tasks at almost no cost; lines need frames, and a touched frame costs memory for good on 3.11
and newer. So the frames of a few hundred tasks of each chain of code are read, spread over all of them, and the others
are assumed to wait at the same lines: such a group says how many were read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, Sequence

from lifesign.agent.tasks import creation, odd
from lifesign.agent.tasks.appspan import app_span
from lifesign.agent.tasks.waiting.blocks import exits, objects
from lifesign.agent.tasks.waiting.plan import Plan
from lifesign.agent.tasks.walk import Link, links_of

if TYPE_CHECKING:
    from lifesign.wire.frames import CaughtError

NAMES_MAX = 5
SPANS_MAX = 20  # tasks of a group whose span is read before the group counts as having none
EACH_MAX = 100  # tasks of a family whose frames are read; of the rest, every hundredth
STACKS_MAX = 20_000  # that are read for what they wait for and hold, in one dump
STACKS_EACH = 2_000  # of a family where there are more tasks than that; of the rest, those that hold more than others
LOOKS_MAX = 2_000  # in one dump

_UNKNOWN = sys.maxsize
_SPREAD = 16  # what the ids of objects are multiples of

Codes = tuple[int, ...]  # ids of the code objects of an await stack
Lines = tuple[int, ...]  # of the user's own frames in it


class WaitGroup:
    """Tasks with one chain of code objects, at the same lines of the user's own code."""

    def __init__(self, sample: Any) -> None:
        self.sample = sample
        self.count = 0
        self.looked = 0
        self.index = -1
        self.names: list[str] = []
        self.states: dict[str, int] = {}
        self.waits: dict[tuple[str, int], int] = {}  # how and the id of the primitive, in those that were read
        self.oldest: float | None = None
        self.newest: float | None = None
        self.span: tuple[str, str] | None = None
        self.awaits: dict[int, int] = {}  # by the id of a group
        self.waited_most: float | None = None  # seconds, of those that are remembered
        self.waited_least: float | None = None
        self.time_left: float | None = None  # seconds until a clock ends the wait of the sample
        self.keeps_the_loop = False
        self.cancelled: Literal["", "swallowed", "cleanup"] = ""
        self.errors: list[CaughtError] = []  # that the sample keeps

    def waits_since(self, seconds: float | None) -> None:
        """Notes for how long one of its tasks has been in its wait, where that is known."""
        if seconds is not None:
            self.waited_most = max(seconds, self.waited_most or 0.0)
            self.waited_least = seconds if self.waited_least is None else min(seconds, self.waited_least)

    def count_in(self, task: Any, now: float, state: str) -> None:
        """Counts one more of them."""
        self.count += 1
        self.states[state] = self.states.get(state, 0) + 1
        if self.count <= SPANS_MAX:
            if self.count <= NAMES_MAX:
                self.names.append(odd.name(task))
            if self.span is None:
                self.span = app_span(task)
        if creation.tracked:
            self._created(creation.age(task, now))

    def wait(self, count: int) -> None:
        """Counts some more that wait."""
        if count:
            self.count += count
            self.states["waiting"] = self.states.get("waiting", 0) + count

    def _created(self, seconds: float | None) -> None:
        if seconds is not None:
            self.oldest = seconds if self.oldest is None else max(self.oldest, seconds)
            self.newest = seconds if self.newest is None else min(self.newest, seconds)


class Family:
    """Tasks with one chain of code objects. `codes` keeps the ids in the key from being reused.

    While there are fewer than `counted_until` the next one need only be counted, where it waits for a plain future.

    Args:
        task: one of them.
        awaitables: its await stack.
        stacks: of how many it is read what they wait for and hold.
    """

    def __init__(self, task: Any, awaitables: list[Any], stacks: int = STACKS_MAX) -> None:
        links = links_of(awaitables)
        self.codes = tuple(link.code for link in links)
        self.key: Codes = tuple(map(id, self.codes)) or (id(type(odd.coroutine(task))),)
        self.plan = Plan(self.codes)
        self._frames = tuple(link.frame_attribute for link in links)
        self.groups: dict[Lines, WaitGroup] = {}
        self.count = 0
        self.counted_until = 0
        self._next = 0
        self._stacks = stacks if self.plan.is_for_each else 0
        self.holds_nothing = not self._stacks and not self.plan.blocks  # none of them is looked into for that
        self._fewest = _UNKNOWN  # blocks that one of them is in
        self._looked: list[WaitGroup] = []  # the group of each task that was read

    def wants_look(self) -> bool:
        """Whether the next task is one of the sample."""
        return self.count >= self._next

    def look_at_no_more(self) -> None:
        """No more may be read in this dump."""
        self._next = sys.maxsize

    def _counted(self) -> None:
        self.count += 1
        # Of the first the names are wanted. Where all are in as many blocks as there are, none is in more than others.
        alike = self.plan.blocks_max <= self._fewest < _UNKNOWN or not self.plan.blocks
        enough = alike and self.count >= max(EACH_MAX, self._stacks)
        self.counted_until = self._next if enough and not creation.tracked else 0

    def wants_stack(self, awaitables: list[Any]) -> bool:
        """Whether it is worth reading what the next task waits for and holds, though not its lines.

        Of very many it is, besides a number of them, where one is in more blocks: others may wait for what it holds.
        """
        if self.count < self._stacks:
            return True
        if not self.plan.blocks:
            return False
        return self._blocks(awaitables) > self._fewest

    def _blocks(self, awaitables: Sequence[Any]) -> int:
        found = sum(len(list(exits(objects(awaitables[index])))) for index in self.plan.blocks)
        self._fewest = min(self._fewest, found)
        return found

    def links(self, awaitables: list[Any]) -> list[Link]:
        """The await stack of one of its tasks, from what `walked` has found of it."""
        return list(map(Link, awaitables, self.codes, self._frames))

    def looked_at(self, task: Any, stack: list[Link]) -> WaitGroup:
        """The group of a task whose frames are touched for it."""
        self._next = self.count + max(1, self.count // EACH_MAX)
        self._blocks([link.awaitable for link in stack])
        own = (link.frame for link, library in zip(stack, self.plan.in_library) if not library)
        lines = tuple(frame.f_lineno for frame in own if frame is not None)
        group = self.groups.get(lines)
        if group is None:
            group = self.groups[lines] = WaitGroup(task)
        group.looked += 1
        self._looked.append(group)
        self._counted()
        return group

    def others(self, task: Any) -> WaitGroup:
        """The group that a task is counted in without its frames being read."""
        if not self._looked:
            self._looked.append(self.groups.setdefault((), WaitGroup(task)))
        self._counted()
        return self._looked[id(task) // _SPREAD % len(self._looked)]

    def one_of(self, task: Any) -> WaitGroup:
        """The same, of a task that was counted."""
        return self._looked[id(task) // _SPREAD % len(self._looked)]

    def share_out(self) -> None:
        """Counts those that were only counted in the groups of those that were read, in proportion."""
        weights = [group.looked or 1 for group in self.groups.values()]
        left = self.count - sum(group.count for group in self.groups.values())
        total, seen, shared = sum(weights), 0, 0
        for group, weight in zip(self.groups.values(), weights):
            seen += weight
            upto = left * seen // total
            group.wait(upto - shared)
            shared = upto


def ranked(groups: list[WaitGroup]) -> list[WaitGroup]:
    """All groups, biggest first, numbered."""
    found = sorted(groups, key=lambda group: -group.count)
    for index, group in enumerate(found):
        group.index = index
    return found
