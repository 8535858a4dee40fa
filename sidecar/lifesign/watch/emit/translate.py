"""Records of the ring become spans and log records."""

from __future__ import annotations

from lifesign import semconv
from lifesign.watch.decode import RingRecord
from lifesign.watch.emit.dumps import task_dump, task_group
from lifesign.watch.sources import Source, no_source
from lifesign.watch.telemetry import (
    SEVERITY_ERROR,
    SEVERITY_INFO,
    SEVERITY_WARN,
    Attributes,
    Log,
    Signal,
    Span,
)
from lifesign.wire.records import DryRunEvent, Failure, PostconditionReport, PostconditionResult


def signals(record: RingRecord, resource: str, uid: str, observed: int, source: Source = no_source) -> list[Signal]:
    """What one record of the ring says.

    Args:
        resource: the key of the process's Resource.
        uid: names the record for good; each log record's own uid begins with it.
        observed: when the sidecar saw it, wall clock nanoseconds.
        source: gives the line of source code at a file and line, where it can be had.
    """
    if record["kind"] == "postconditions":
        return _postconditions(record, resource, uid, observed)
    if record["kind"] == "dry_run":
        return _dry_run(record, resource, uid, observed)
    if record["kind"] == "task_group":
        return [task_group(record, resource, uid, observed, source)]
    if record["kind"] == "task_dump":
        return [task_dump(record, resource, uid, observed)]
    return []  # a stall is evidence for a verdict, totals are metrics: no news of their own


def exception_attributes(error: Failure) -> Attributes:
    """The ``exception.*`` attributes of a log record; an empty stack is left out."""
    attributes: Attributes = {
        semconv.EXCEPTION_TYPE: error["type"],
        semconv.EXCEPTION_MESSAGE: error["message"],
    }
    if error["stack"]:
        attributes[semconv.EXCEPTION_STACKTRACE] = error["stack"]
    return attributes


def synthetic_attributes(synthetic: bool) -> Attributes:
    """The tag of synthetic traffic, or nothing."""
    return {semconv.SYNTHETIC_TYPE: semconv.SYNTHETIC_TEST} if synthetic else {}


def first_line(text: str) -> str:
    """What fits a span's status: one line."""
    return text.strip().split("\n", 1)[0]


def recovered(result: PostconditionResult, record: PostconditionReport, resource: str, uid: str, observed: int) -> Log:
    """A check that did not hold the time before holds again."""
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
        attributes={
            **synthetic_attributes(record["synthetic"]),
            semconv.POSTCONDITION_NAME: result["name"],
            semconv.POSTCONDITION_CRITICAL: result["critical"],
        },
    )


def _postconditions(record: PostconditionReport, resource: str, uid: str, observed: int) -> list[Signal]:
    tag = synthetic_attributes(record["synthetic"])
    made: list[Signal] = []
    for result in record["results"]:
        attributes: Attributes = {
            **tag,
            semconv.POSTCONDITION_NAME: result["name"],
            semconv.POSTCONDITION_CRITICAL: result["critical"],
        }
        span = Span(
            resource=resource,
            trace=record["trace"],
            id=result["id"],
            parent=record["id"],
            name=semconv.SPAN_POSTCONDITION.format(name=result["name"]),
            start=result["start"],
            end=result["end"],
            error=None if result["passed"] else first_line(result["reason"]),
            attributes=attributes,
        )
        if not result["passed"]:
            error = result["error"]
            attributes[semconv.ERROR_TYPE] = error["type"] if error else "postcondition_failed"
            made.append(
                Log(
                    resource=resource,
                    uid=f"{uid}-{result['id']}",
                    event=semconv.LOG_POSTCONDITION_FAILED,
                    time=result["end"],
                    observed=observed,
                    severity=SEVERITY_ERROR if result["critical"] else SEVERITY_WARN,
                    body=f"{result['name']}: {result['reason']}",
                    trace=record["trace"],
                    span=result["id"],
                    attributes={**attributes, **(exception_attributes(error) if error else {})},
                )
            )
        made.append(span)
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


def _dry_run(record: DryRunEvent, resource: str, uid: str, observed: int) -> list[Signal]:
    error = record["error"]
    attributes: Attributes = {
        **synthetic_attributes(True),
        semconv.DRY_RUN_TYPE: record["type"],
        semconv.DRY_RUN_INDEX: record["index"],
        semconv.DRY_RUN_ADJUSTED_COUNT: record["adjusted_count"],
    }
    made: list[Signal] = []
    if error is not None:
        attributes[semconv.ERROR_TYPE] = error["type"]
        made.append(
            Log(
                resource=resource,
                uid=uid,
                event=semconv.LOG_DRY_RUN_FAILED,
                time=record["end"],
                observed=observed,
                severity=SEVERITY_ERROR,
                body=f"{record['type']} {record['index']}: {error['type']}: {error['message']}",
                trace=record["trace"],
                span=record["id"],
                attributes={**attributes, **exception_attributes(error)},
            )
        )
    span = Span(
        resource=resource,
        trace=record["trace"],
        id=record["id"],
        name=semconv.SPAN_DRY_RUN.format(type=record["type"]),
        start=record["start"],
        end=record["end"],
        error=None if error is None else first_line(f"{error['type']}: {error['message']}"),
        attributes=attributes,
    )
    return [*made, span]
