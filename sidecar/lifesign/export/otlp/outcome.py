"""What became of one attempt to deliver something to the Collector."""

from __future__ import annotations

import logging
from typing import Any, Union

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from lifesign.export.complaint import Complaint

ANSWER_MAX = 1 << 20  # bytes of an answer, as sent and decoded; a Collector's has some hundred
RETRY_AFTER_MAX = 600.0  # seconds; one wrong header must not silence us for a day
_RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_COUNTS = ("rejected_spans", "rejected_log_records", "rejected_data_points", "rejected_profiles")

_warning = Complaint()
_logger = logging.getLogger("lifesign")


class Delivered(msgspec.Struct, frozen=True):
    """The Collector has accepted everything."""


class Retry(msgspec.Struct, frozen=True):
    """Not delivered, to be retried.

    `after` is how many seconds the Collector asked to wait, None when it did not say.
    """

    why: str
    after: float | None = None


class Refused(msgspec.Struct, frozen=True):
    """Permanently rejected; `count` records, None for all of them.

    `divisible` says that the request as a whole was the problem, so that parts of it may be accepted.
    """

    why: str
    count: int | None = None
    divisible: bool = False


Outcome = Union[Delivered, Retry, Refused]

NOT_SENT = Refused("it cannot be encoded, or is larger than the exporter sends", divisible=True)


def response(kind: str) -> Any:
    """An empty ``Export...ServiceResponse``."""
    if kind == "profiles":  # in development: only where they are wanted
        from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2

        return profiles_service_pb2.ExportProfilesServiceResponse()
    return _RESPONSES[kind]()


def unexpected(doing: str, error: BaseException) -> Retry:
    """Something that nobody thought of. It is no word of the Collector's, so the records are not given up."""
    _logger.debug("lifesign: %s failed", doing, exc_info=error)
    return Retry(f"{doing} failed: {type(error).__name__}")


def one_line(text: str) -> str:
    """What another program said, fit for one line of a log."""
    return "".join(c if c.isprintable() else " " for c in text[:300]).strip()


def judge_response(response: Any) -> Outcome:
    """What an ``Export...ServiceResponse`` says became of the request."""
    partial = response.partial_success
    rejected = sum(getattr(partial, name, 0) for name in _COUNTS)
    said = one_line(partial.error_message)
    if rejected > 0:
        return Refused(said or "no reason given", rejected)
    if said:  # everything was taken: the specification calls this a warning
        _warning.say("the Collector says: %s", said)
    return Delivered()
