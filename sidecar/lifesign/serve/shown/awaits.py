"""Which groups of a task dump the tasks belong to that are named in it: who holds what, and who is in a deadlock."""

from __future__ import annotations

from lifesign.judge.causes.findings import Dump
from lifesign.judge.causes.phrases import own_frame
from lifesign.wire.records import Frame, TaskPrimitive

Place = tuple[str, int]


class Members:
    """Finds the group of a task by its name, of which a group has a few, or by the place where it waits.

    Where several groups come into question, it is none of them.
    """

    def __init__(self, dump: Dump) -> None:
        self._names: dict[str, int | None] = {}
        self._places: dict[Place, int | None] = {}
        for group in dump.groups:
            for name in group["names"]:
                self._names[name] = None if name in self._names else group["index"]
            own = own_frame(group["stack"])
            if own is not None:
                place = own["file"], own["line"]
                self._places[place] = None if place in self._places else group["index"]
        steps = [step for ring in dump.summary["rings"] for step in ring]
        self.stuck = frozenset(self.group_of(step["task"], step["at"]) for step in steps)
        self.stuck_at = frozenset(step["primitive"] for step in steps)

    def group_of(self, task: str, at: Frame | None) -> int | None:
        """The index of the group of a task that waits at a place; None where that is not known."""
        found = self._names.get(task)
        if found is None and at is not None:
            found = self._places.get((at["file"], at["line"]))
        return found

    def holding(self, primitive: TaskPrimitive) -> list[int]:
        """The indexes of the groups whose tasks hold it."""
        holders = [(holder["task"], holder["at"]) for holder in primitive["holders"]]
        found = [self.group_of(task, at) for task, at in holders if task is not None]
        return sorted({index for index in found if index is not None})
