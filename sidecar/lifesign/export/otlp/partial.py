"""Reading ``partial_success``, which says that a Collector answered "fine" and meant "not all of it"."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from lifesign.export.complaint import Complaint
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, one_line

RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_COUNTS = ("rejected_spans", "rejected_log_records", "rejected_data_points")

_warning = Complaint()


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
