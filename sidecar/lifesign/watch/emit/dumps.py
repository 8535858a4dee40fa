"""Task dumps become log records: one for the summary, one for each group."""

from __future__ import annotations

from typing import Sequence

from lifesign import semconv
from lifesign.judge.causes.findings import Cause, Dump
from lifesign.judge.causes.phrases import counted, own_frame, place_text
from lifesign.watch.emit.causes import cause_attributes, stack_attributes, stack_text
from lifesign.watch.emit.threads import thread_attributes
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_INFO, SEVERITY_WARN, Attributes, Log
from lifesign.wire.records import FinishedTasks, TaskGroup


def task_dump(dump: Dump, found: Sequence[Cause], resource: str, uid: str, observed: int) -> Log:
    """The summary, with the causes that show in it; they make it a warning."""
    record = dump.summary
    milliseconds = (record["end"] - record["start"]) / 1e6
    counts = f"{counted(record['tasks'], 'task')} in {counted(record['groups'], 'group')}"
    parts = [f"{counts}, taken in {milliseconds:.0f} ms: {record['reason']}"]
    if record["omitted"]:
        parts.append(f"and {counted(record['omitted'], 'more group')}")
    if record["same_as"] is not None:
        parts.append(f"the same groups as in dump {record['same_as']}")
    rings = [" -> ".join([*cycle, *cycle[:1]]) for cycle in record["cycles"]]
    parts += [cause.sentence for cause in found]
    attributes: Attributes = {
        semconv.DUMP_ID: record["id"],
        semconv.DUMP_REASON: record["reason"],
        semconv.DUMP_TASKS: record["tasks"],
        semconv.DUMP_GROUPS: record["groups"],
        semconv.DUMP_GROUPS_OMITTED: record["omitted"],
    }
    if record["same_as"] is not None:
        attributes[semconv.DUMP_SAME_AS] = record["same_as"]
        attributes[semconv.DUMP_COUNTS] = [str(count) for count in record["counts"]]
    if rings:
        attributes[semconv.DUMP_CYCLES] = rings
    attributes.update(cause_attributes(found))
    attributes.update(thread_attributes(dump))
    if record["finished"]:
        attributes[semconv.DUMP_FINISHED] = [finished_line(kind) for kind in record["finished"]]
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_TASK_DUMP,
        time=record["end"],
        observed=observed,
        severity=SEVERITY_WARN if found else SEVERITY_INFO,
        body="; ".join(parts),
        attributes=attributes,
    )


def task_group(record: TaskGroup, resource: str, uid: str, observed: int, source: Source) -> Log:
    """One group, with its await stack and, where it is tracked, where its tasks come from and how old they are."""
    attributes: Attributes = {
        semconv.DUMP_ID: record["dump"],
        semconv.GROUP_INDEX: record["index"],
        semconv.GROUP_COUNT: record["count"],
        semconv.GROUP_NAMES: record["names"],
        semconv.GROUP_STATES: [f"{count} {state}" for state, count in record["states"].items()],
        semconv.GROUP_WAITS_FOR: record["waits_for"],
        **stack_attributes(record["stack"], source),
    }
    if record["awaits"]:
        attributes[semconv.GROUP_AWAITS] = [f"{edge['count']} for group {edge['group']}" for edge in record["awaits"]]
    if record["oldest"] is not None and record["newest"] is not None:
        attributes[semconv.GROUP_OLDEST] = record["oldest"]
        attributes[semconv.GROUP_NEWEST] = record["newest"]
    if record["waited_most"] is not None:
        attributes[semconv.GROUP_WAITED] = record["waited_most"]
    if record["time_left"] is not None:
        attributes[semconv.GROUP_TIME_LEFT] = record["time_left"]
    if record["looked"] < record["count"]:
        attributes[semconv.GROUP_LOOKED] = record["looked"]
    if record["origin"]:
        attributes[semconv.GROUP_ORIGIN] = stack_text(record["origin"], source)
    place = own_frame(record["stack"])
    runs = record["states"].keys() == {"running"}
    where = f"{place['function']} ({place_text(place)})" if place is not None else "no coroutine"
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_TASK_GROUP,
        time=record["at"],
        observed=observed,
        severity=SEVERITY_INFO,
        body=f"{record['count']} x {where}, {'running' if runs else 'waiting for ' + record['waits_for']}",
        trace=record["trace"],
        span=record["span"],
        attributes=attributes,
    )


def finished_line(kind: FinishedTasks) -> str:
    """One line on tasks that ended one way."""
    why = f": {kind['message']}" if kind["message"] else ""
    return f"{kind['count']} x {kind['function']} {kind['outcome']}{why}"
