"""Records of the ring become spans and log records."""

from __future__ import annotations

from lifesign import semconv
from lifesign.watch.emit.complaints import asyncio_complaint, task_died
from lifesign.watch.emit.dumps import task_group
from lifesign.watch.emit.operation import Failed, exception_attributes, first_line, operation, synthetic_attributes
from lifesign.watch.emit.threads import thread_group
from lifesign.watch.records import RingRecord
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import SEVERITY_ERROR, SEVERITY_INFO, SEVERITY_WARN, Attributes, Log, Span, Telemetry
from lifesign.wire.records import AgentWarning, DryRunEvent, PostconditionReport, PostconditionResult


def translate(
    record: RingRecord, resource: str, uid: str, observed: int, source: Source = no_source
) -> list[Telemetry]:
    """The telemetry of one record of the ring.

    Args:
        resource: the key of the process's Resource.
        uid: identifies the record; each log record's own uid begins with it.
        observed: when the sidecar saw it, wall clock nanoseconds.
        source: gives the line of source code at a file and line, where it can be had.
    """
    if record["kind"] == "postconditions":
        return _postconditions(record, resource, uid, observed)
    if record["kind"] == "dry_run":
        return _dry_run(record, resource, uid, observed)
    if record["kind"] == "task_group":
        return [task_group(record, resource, uid, observed, source)]
    if record["kind"] == "thread_group":
        return [thread_group(record, resource, uid, observed, source)]
    if record["kind"] == "agent_warning":
        return [_agent_warning(record, resource, uid, observed)]
    if record["kind"] == "asyncio_complaint":
        return [asyncio_complaint(record, resource, uid, observed)]
    if record["kind"] == "task_died":
        return [task_died(record, resource, uid, observed)]
    return []  # of a dump there is more to know than its summary; stalls are evidence, totals are metrics


def recovered(result: PostconditionResult, record: PostconditionReport, resource: str, uid: str, observed: int) -> Log:
    """A check that failed the time before holds again."""
    return Log(
        resource=resource,
        uid=f"{uid}-{result['id']}",
        event=semconv.LOG_POSTCONDITION_RECOVERED,
        time=result["end"],
        observed=observed,
        severity=SEVERITY_INFO,
        body=f"{result['name']}: it holds again",
        trace=record["trace"],
        span=result["id"],
        attributes=_check_attributes(result, record),
    )


def _check_attributes(result: PostconditionResult, record: PostconditionReport) -> Attributes:
    return {
        **synthetic_attributes(record["synthetic"]),
        semconv.POSTCONDITION_NAME: result["name"],
        semconv.POSTCONDITION_CRITICAL: result["critical"],
    }


def _postconditions(record: PostconditionReport, resource: str, uid: str, observed: int) -> list[Telemetry]:
    made: list[Telemetry] = []
    for result in record["results"]:
        span = Span(
            resource=resource,
            trace=record["trace"],
            id=result["id"],
            parent=record["id"],
            name=semconv.SPAN_POSTCONDITION.format(name=result["name"]),
            start=result["start"],
            end=result["end"],
            attributes=_check_attributes(result, record),
        )
        made += operation(span, observed, None if result["passed"] else _failed_check(result, uid))
    tag = synthetic_attributes(record["synthetic"])
    root = Span(
        resource=resource,
        trace=record["trace"],
        id=record["id"],
        name=semconv.SPAN_POSTCONDITIONS,
        start=record["start"],
        end=record["end"],
        error=None if record["passed"] else first_line(record["diagnostic"]),
        attributes=tag if record["passed"] else {**tag, semconv.ERROR_TYPE: "postcondition_failed"},
    )
    return [*made, root]


def _failed_check(result: PostconditionResult, uid: str) -> Failed:
    error = result["error"]
    return Failed(
        type=error["type"] if error else "postcondition_failed",
        description=result["reason"],
        event=semconv.LOG_POSTCONDITION_FAILED,
        uid=f"{uid}-{result['id']}",
        body=f"{result['name']}: {result['reason']}",
        severity=SEVERITY_ERROR if result["critical"] else SEVERITY_WARN,
        details=exception_attributes(error) if error else {},
    )


def _dry_run(record: DryRunEvent, resource: str, uid: str, observed: int) -> list[Telemetry]:
    error = record["error"]
    span = Span(
        resource=resource,
        trace=record["trace"],
        id=record["id"],
        name=semconv.SPAN_DRY_RUN.format(type=record["type"]),
        start=record["start"],
        end=record["end"],
        attributes={
            **synthetic_attributes(True),
            semconv.DRY_RUN_TYPE: record["type"],
            semconv.DRY_RUN_INDEX: record["index"],
            semconv.DRY_RUN_ADJUSTED_COUNT: record["adjusted_count"],
        },
    )
    if error is None:
        return operation(span, observed, None)
    what = f"{error['type']}: {error['message']}"
    failed = Failed(
        type=error["type"],
        description=what,
        event=semconv.LOG_DRY_RUN_FAILED,
        uid=uid,
        body=f"{record['type']} {record['index']}: {what}",
        details=exception_attributes(error),
    )
    return operation(span, observed, failed)


def _agent_warning(record: AgentWarning, resource: str, uid: str, observed: int) -> Log:
    return Log(
        resource=resource,
        uid=uid,
        event=semconv.LOG_AGENT_WARNING,
        time=record["at"],
        observed=observed,
        severity=SEVERITY_WARN,
        body=f"the agent in the service: {record['text']}",
        attributes={semconv.AGENT_WARNINGS: record["count"]},
    )
