"""The newest task dump of one process, put together from its records as they come."""

from __future__ import annotations

from typing import Union

from lifesign.judge.causes.findings import Dump
from lifesign.wire.records import TaskDump, TaskGroup, TaskPrimitive

_RECORDS_MAX = 500  # of a dump whose summary has not come


class NewestDump:
    """Groups and primitives come before the summary that they belong to."""

    def __init__(self) -> None:
        self.dump: Dump | None = None  # the newest one that is whole
        self._shown: Dump | None = None  # the newest one that came with its groups
        self._groups: list[TaskGroup] = []
        self._primitives: list[TaskPrimitive] = []

    def add(self, record: Union[TaskGroup, TaskPrimitive]) -> None:
        """Takes in a part of a dump."""
        if len(self._groups) + len(self._primitives) >= _RECORDS_MAX:
            return
        if record["kind"] == "task_group":
            self._groups.append(record)
        else:
            self._primitives.append(record)

    def end(self, record: TaskDump) -> Dump:
        """Ends a dump, and returns it. One that shows the same as an earlier one has its groups, with new counts."""
        earlier = self._shown
        if record["same_as"] is None:
            groups = tuple(group for group in self._groups if group["dump"] == record["id"])
            primitives = tuple(one for one in self._primitives if one["dump"] == record["id"])
            self.dump = self._shown = Dump(record, groups, primitives)
            self._groups, self._primitives = [], []
        elif earlier is not None and earlier.summary["id"] == record["same_as"]:
            self.dump = Dump(record, tuple(_counted(earlier.groups, record["counts"])), earlier.primitives)
        else:
            self.dump = Dump(record)
        return self.dump


def _counted(groups: tuple[TaskGroup, ...], counts: list[int]) -> list[TaskGroup]:
    by_index = dict(enumerate(counts))
    return [{**group, "count": by_index.get(group["index"], group["count"])} for group in groups]
