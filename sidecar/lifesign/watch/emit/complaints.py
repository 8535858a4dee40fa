"""What asyncio complained of and the tasks that died: as log records, and what is known of them for a cause."""

from __future__ import annotations

from typing import Iterable, TypeVar

from lifesign import semconv
from lifesign.judge.causes.phrases import death
from lifesign.watch.emit.causes import place_attributes
from lifesign.watch.emit.operation import exception_attributes
from lifesign.watch.telemetry import SEVERITY_ERROR, SEVERITY_WARN, Attributes, Log
from lifesign.wire.complaints import AsyncioComplaint, TaskDied, TaskEnded

R = TypeVar("R")

_GROUPS_MAX = 20


class Losses:
    """The newest record of each group, those of the groups that came last."""

    def __init__(self) -> None:
        self._deaths: dict[object, TaskDied] = {}
        self._complaints: dict[object, AsyncioComplaint] = {}
        self._ended: dict[object, TaskEnded] = {}

    def add(self, record: AsyncioComplaint | TaskDied | TaskEnded) -> None:
        """Takes one record in."""
        if record["kind"] == "task_ended":
            _keep(self._ended, record["function"], record)
            return
        place = record["place"]
        where = (place["file"], place["line"]) if place is not None else None
        if record["kind"] == "task_died":
            _keep(self._deaths, (record["function"], record["error"]["type"], where), record)
        else:
            _keep(self._complaints, (record["text"], record["function"], where), record)

    def deaths(self) -> tuple[TaskDied, ...]:
        """Tasks that died, the newest first."""
        return tuple(reversed(list(self._deaths.values())))

    def complaints(self) -> tuple[AsyncioComplaint, ...]:
        """What asyncio complained of, the newest first."""
        return tuple(reversed(list(self._complaints.values())))

    def ended(self) -> tuple[TaskEnded, ...]:
        """Tasks that ran for most of the time and have ended, the newest first."""
        return tuple(reversed(list(self._ended.values())))


def _keep(groups: dict[object, R], key: object, record: R) -> None:
    groups.pop(key, None)
    groups[key] = record
    if len(groups) > _GROUPS_MAX:
        del groups[next(iter(groups))]


def asyncio_complaint(record: AsyncioComplaint, resource: str, uid: str, observed: int) -> Log:
    """A complaint of asyncio's."""
    about = f" ({record['function']})" if record["function"] and record["function"] not in record["text"] else ""
    error = record["error"]
    raised = f": {error['type']}: {error['message']}" if error is not None else ""
    attributes: Attributes = {
        semconv.COMPLAINTS: record["count"],
        **_task(record),
        **place_attributes(record["place"]),
        **(exception_attributes(error) if error is not None else {}),
    }
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_ASYNCIO_COMPLAINT,
        time=record["at"],
        observed=observed,
        severity=SEVERITY_WARN,
        body=f"{record['text']}{about}{raised}{_times(record['count'])}",
        attributes=attributes,
    )


def task_died(record: TaskDied, resource: str, uid: str, observed: int) -> Log:
    """A task that died. While somebody refers to it, the exception may still be asked for."""
    attributes: Attributes = {
        semconv.TASKS_DIED: record["count"],
        semconv.TASK_REFERENCED: record["referenced"],
        **_task(record),
        **place_attributes(record["place"]),
        **exception_attributes(record["error"]),
    }
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_TASK_DIED,
        time=record["at"],
        observed=observed,
        severity=SEVERITY_WARN if record["referenced"] else SEVERITY_ERROR,
        body=f"{death(record)}{_times(record['count'])}",
        attributes=attributes,
    )


def _task(record: AsyncioComplaint | TaskDied) -> Attributes:
    names: Iterable[tuple[str, str]] = (
        (semconv.THREAD_NAME if record.get("thread") or record.get("handed") else semconv.TASK_NAME, record["task"]),
        (semconv.TASK_COROUTINE, record["function"]),
    )
    return {name: value for name, value in names if value}


def _times(count: int) -> str:
    return f"; {count} times so far" if count > 1 else ""
