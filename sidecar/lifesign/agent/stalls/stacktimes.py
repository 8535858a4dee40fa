"""Stacks with the time that samples of them stand for: of one culprit, or of one spin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Hashable

from lifesign.agent.stalls.stacks import SeenStack
from lifesign.wire.layout import STACKS_MAX

if TYPE_CHECKING:
    from lifesign.wire.frames import Frame
    from lifesign.wire.stalls import StackTime

_KEPT = 4 * STACKS_MAX
_FRAMES_MAX = 20  # of a stack that is not the first


class StackTimes:
    """Adds them up; those with the least time are forgotten when there are too many."""

    def __init__(self) -> None:
        self._stacks: dict[Hashable, StackTime] = {}
        self._places: dict[Hashable, Frame] = {}

    def add(self, seen: SeenStack, samples: int, time: int, computing: int) -> None:
        if not seen.stack:
            return
        key = tuple((frame["file"], frame["function"], frame["line"]) for frame in seen.stack)
        kept = self._stacks.setdefault(key, {"stack": seen.stack, "samples": 0, "time": 0, "computing": 0})
        kept["samples"] += samples
        kept["time"] += time
        kept["computing"] += computing
        if seen.place is not None:
            self._places[key] = seen.place
        if len(self._stacks) > _KEPT:
            least = min(self._stacks, key=lambda one: self._stacks[one]["time"])
            del self._stacks[least]
            self._places.pop(least, None)

    def most(self) -> list[StackTime]:
        """Those with the most time, as they are written."""
        found = [one.copy() for one in sorted(self._stacks.values(), key=lambda one: -one["time"])[:STACKS_MAX]]
        for one in found[1:]:
            one["stack"] = one["stack"][-_FRAMES_MAX:]
        return found

    def place(self) -> Frame | None:
        """The culprit's place in the one with the most time."""
        keys = sorted(self._places, key=lambda key: -self._stacks[key]["time"])
        return self._places[keys[0]] if keys else None
