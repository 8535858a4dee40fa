"""The newest task dump of one process, put together from its records as they come."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Mapping, Union, cast

from lifesign.judge.causes.findings import Dump, TasksSeen
from lifesign.judge.causes.leaks import population

if TYPE_CHECKING:
    from lifesign.wire.records import TaskDump, TaskGroup, TaskPrimitive
    from lifesign.wire.threads import ExecutorState, ThreadGroup

    Part = Union[TaskGroup, TaskPrimitive, ThreadGroup, ExecutorState]

_PARTS = ("task_group", "task_primitive", "thread_group", "executor")
_POPULATIONS = 10
_BETWEEN_NS = 2_000_000_000
_RECORDS_MAX = 500  # of a dump whose summary has not come


class NewestDump:
    """Its parts come before the summary that they belong to."""

    def __init__(self) -> None:
        self.dump: Dump | None = None  # the newest one that is whole
        self._populations: deque[TasksSeen] = deque(maxlen=_POPULATIONS)
        self._fewest: int | None = None  # tasks between the dumps since then
        self._shown: Dump | None = None  # the newest one that came with its groups
        self._parts: list[Part] = []

    def add(self, record: Mapping[str, object]) -> None:
        """Takes in a record, where it is a part of a dump."""
        if len(self._parts) < _RECORDS_MAX and record["kind"] in _PARTS:
            self._parts.append(cast("Part", record))

    def end(self, record: TaskDump) -> Dump:
        """Ends a dump, and returns it. One that shows the same as an earlier one has its groups, with new counts."""
        earlier, whole = self._shown, self._put_together(record)
        if record["same_as"] is None:
            self.dump = self._shown = whole
        elif earlier is not None and earlier.summary["id"] == record["same_as"]:
            groups = tuple(_counted(earlier.groups, record["counts"]))
            self.dump = whole._replace(groups=groups, primitives=earlier.primitives)
        else:
            self.dump = whole
            return self.dump
        self._note(population(self.dump))
        return self.dump

    def _note(self, seen: TasksSeen) -> None:
        """Those of a burst of dumps would leave no room for older ones: the first of them stands for the burst."""
        fewest = min((one for one in (seen.fewest, self._fewest) if one is not None), default=None)
        if self._populations and seen.at - self._populations[-1].at < _BETWEEN_NS:
            self._fewest = fewest
            return
        self._populations.append(seen._replace(fewest=fewest))
        self._fewest = None

    @property
    def populations(self) -> tuple[TasksSeen, ...]:
        """How many tasks the newest dumps have shown, the oldest first."""
        return tuple(self._populations)

    def _put_together(self, record: TaskDump) -> Dump:
        parts, self._parts = [part for part in self._parts if part["dump"] == record["id"]], []
        return Dump(
            record,
            tuple(part for part in parts if part["kind"] == "task_group"),
            tuple(part for part in parts if part["kind"] == "task_primitive"),
            tuple(part for part in parts if part["kind"] == "thread_group"),
            tuple(part for part in parts if part["kind"] == "executor"),
        )


def _counted(groups: tuple[TaskGroup, ...], counts: list[int]) -> list[TaskGroup]:
    by_index = dict(enumerate(counts))
    return [{**group, "count": by_index.get(group["index"], group["count"])} for group in groups]
