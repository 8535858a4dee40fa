"""Operations as spans: one that failed has a log record in its context that says why."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from lifesign import semconv
from lifesign.watch.telemetry import SEVERITY_ERROR, Attributes, Log, Span, Telemetry
from lifesign.wire.records import Failure


class Failed(NamedTuple):
    """Why an operation failed: the log record's event, uid, body, further attributes and severity.

    `description` is the span's status, of which the first line is taken; `type` is its ``error.type``.
    """

    type: str
    description: str
    event: str
    uid: str
    body: str
    details: Attributes
    severity: int = SEVERITY_ERROR


def operation(span: Span, observed: int, failed: Failed | None) -> list[Telemetry]:
    """The telemetry of an operation that ended.

    Args:
        observed: when the sidecar saw it, wall clock nanoseconds.
    """
    if failed is None:
        return [span]
    attributes: Attributes = {**span.attributes, semconv.ERROR_TYPE: failed.type}
    log = Log(
        resource=span.resource,
        uid=failed.uid,
        event=failed.event,
        time=span.end,
        observed=observed,
        severity=failed.severity,
        body=failed.body,
        trace=span.trace,
        span=span.id,
        attributes={**attributes, **failed.details},
    )
    return [log, msgspec.structs.replace(span, error=first_line(failed.description), attributes=attributes)]


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
    """What fits into a span's status: one line."""
    return text.strip().split("\n", 1)[0]
