"""The threads and executors of a task dump as telemetry."""

from __future__ import annotations

from lifesign import semconv
from lifesign.judge.causes.findings import Dump
from lifesign.judge.causes.phrases import counted, own_frame, place_text
from lifesign.judge.causes.threads import busy_places, executor_text, wait_text
from lifesign.watch.emit.causes import stack_attributes
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_INFO, Attributes, Log
from lifesign.wire.threads import ThreadGroup


def thread_group(record: ThreadGroup, resource: str, uid: str, observed: int, source: Source) -> Log:
    """The threads that stand at the same lines, with their stack."""
    place, wait = own_frame(record["stack"]), record["wait"]
    waits_for = wait_text(wait) if wait is not None else ""
    attributes: Attributes = {
        semconv.DUMP_ID: record["dump"],
        semconv.THREADS_INDEX: record["index"],
        semconv.THREADS_COUNT: record["count"],
        semconv.THREADS_NAMES: record["names"],
        **stack_attributes(record["stack"], source),
    }
    if waits_for:
        attributes[semconv.THREADS_WAIT_FOR] = waits_for
    who = counted(record["count"], "thread")
    where = f" in {place['function']} ({place_text(place)})" if place is not None else ""
    where = f" in {record['job']}" if record.get("job") else where
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_THREAD_GROUP,
        time=record["at"],
        observed=observed,
        severity=SEVERITY_INFO,
        body=f"{who}{where}{f', waiting for {waits_for}' if waits_for else ''}",
        attributes=attributes,
    )


def thread_attributes(dump: Dump) -> Attributes:
    """How many threads there are, and each executor in a line."""
    attributes: Attributes = {}
    if "threads" in dump.summary:
        attributes[semconv.DUMP_THREADS] = dump.summary["threads"]
    if dump.executors:
        attributes[semconv.DUMP_EXECUTORS] = [executor_line(dump, index) for index in range(len(dump.executors))]
    return attributes


def executor_line(dump: Dump, index: int) -> str:
    """One executor of a dump, and where its busy threads stand."""
    one = dump.executors[index]
    places = [f"{place.threads} in {place.text}" for place in busy_places(one, dump)]
    return f"{executor_text(one)}{': ' if places else ''}{'; '.join(places)}"
