"""A record arrives as it was made: ids, times, parent, status, event name; and as OpenTelemetry's encoders write it."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from opentelemetry import context, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from lifesign.export.otlp import encode
from lifesign.watch.telemetry import Log, Resource, Span

TRACE_BYTES = bytes.fromhex("0123456789abcdef0123456789abcdef")


def test_a_span_keeps_ids_times_and_parent(resource: Resource, span: Callable[..., Span]) -> None:
    made = span(10, parent="00000000000000ff", remote_parent=True, attributes={"n": 1, "names": ["a", "b"]})
    request = encode.Traces().add(made, resource)
    [of_resource] = request.resource_spans
    assert {a.key: a.value.string_value or a.value.int_value for a in of_resource.resource.attributes} == {
        "service.name": "shop",
        "process.pid": 7,
    }
    [scope] = of_resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("lifesign", "0.1.0")
    [sent] = scope.spans
    assert (sent.trace_id, sent.span_id) == (TRACE_BYTES, b"\0\0\0\0\0\0\0\x0a")
    assert sent.parent_span_id == b"\0\0\0\0\0\0\0\xff"
    assert sent.flags & 0x300 == 0x300, "the parent is known to be remote"
    assert (sent.name, sent.start_time_unix_nano, sent.end_time_unix_nano) == ("span 10", 1000, 2000)
    assert sent.status.code == 0
    assert [a.key for a in sent.attributes] == ["n", "names"]


def test_an_error_is_a_status(resource: Resource, span: Callable[..., Span]) -> None:
    request = encode.Traces().add(span(error="stuck at 4"), resource)
    [sent] = request.resource_spans[0].scope_spans[0].spans
    assert (sent.status.code, sent.status.message) == (2, "stuck at 4")
    assert sent.parent_span_id == b""


def test_a_log_record_stands_in_its_span(resource: Resource, log: Callable[..., Log]) -> None:
    made = log(trace="0123456789abcdef0123456789abcdef", span="00000000000000ff", attributes={"k": True})
    request = encode.Logs().add(made, resource)
    [sent] = request.resource_logs[0].scope_logs[0].log_records
    assert (sent.trace_id, sent.span_id) == (TRACE_BYTES, b"\0\0\0\0\0\0\0\xff")
    assert (sent.event_name, sent.body.string_value) == ("lifesign.silence", "log 1")
    assert (sent.severity_number, sent.severity_text) == (13, "WARN")
    assert (sent.time_unix_nano, sent.observed_time_unix_nano) == (3000, 4000)
    assert [a.key for a in sent.attributes] == ["log.record.uid", "k"]


def test_a_log_record_without_a_span_never_takes_the_current_one(resource: Resource, log: Callable[..., Log]) -> None:
    current = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    token = context.attach(trace.set_span_in_context(current))
    try:
        request = encode.Logs().add(log(), resource)
    finally:
        context.detach(token)
    [sent] = request.resource_logs[0].scope_logs[0].log_records
    assert (sent.trace_id, sent.span_id) == (b"", b"")


def test_records_of_one_resource_go_together(resource: Resource, span: Callable[..., Span]) -> None:
    request = encode.Traces()
    for number, of in enumerate((resource, Resource("8-def", {}), Resource("7-abc", dict(resource.attributes))), 1):
        request.add(span(number), of)
    groups = [[span.name for span in group.scope_spans[0].spans] for group in request.request.resource_spans]
    assert groups == [["span 1", "span 3"], ["span 2"]]


@pytest.mark.parametrize("wrong", ["xyz", "0x23456789abcdef", "00000000000000ff0", ""])
def test_an_id_that_is_none_is_an_error(wrong: str, resource: Resource, span: Callable[..., Span]) -> None:
    with pytest.raises(ValueError, match=r"hex|digits"):
        encode.Traces().add(span(id=wrong), resource)


def test_an_attribute_that_otlp_has_no_room_for_costs_nobody_else(
    resource: Resource, span: Callable[..., Span], log: Callable[..., Log]
) -> None:
    attributes = {"n": 1 << 70, "what": object(), "names": ["a", object()], "k": 1}
    spans = encode.Traces().add(span(attributes=attributes), resource).resource_spans[0].scope_spans[0].spans
    assert [a.key for a in spans[0].attributes] == ["k"]


def test_a_severity_that_is_none_is_an_error(resource: Resource, log: Callable[..., Log]) -> None:
    request = encode.Logs()
    request.add(log(1), resource)
    with pytest.raises(ValueError, match="severity 77"):
        request.add(log(2, severity=77), resource)
    assert [r.body.string_value for r in request.request.resource_logs[0].scope_logs[0].log_records] == ["log 1"]


PARENT = "00000000000000ff"
ATTRIBUTES = {"s": "x", "i": -3, "b": False, "f": 2.25, "l": ["a", "b"], "none": []}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"parent": PARENT, "attributes": ATTRIBUTES},
        {"parent": PARENT, "remote_parent": True, "error": "stuck"},
        {"remote_parent": True, "error": ""},
    ],
    ids=["a root", "a child", "remote and failed", "a root after all"],
)
def test_a_span_is_what_opentelemetry_makes_of_one(more: Any, resource: Resource, span: Callable[..., Span]) -> None:
    of = span(**more)
    reference = ReadableSpan(
        of.name,
        context=at(of.trace, of.id),
        parent=at(of.trace, of.parent, remote=of.remote_parent) if of.parent else None,
        resource=encode.resource(resource),
        attributes=of.attributes,
        status=Status(StatusCode.UNSET) if of.error is None else Status(StatusCode.ERROR, of.error),
        start_time=of.start,
        end_time=of.end,
        instrumentation_scope=encode.SCOPE,
    )
    assert encode.Traces().add(of, resource) == encode_spans([reference])


@pytest.mark.parametrize(
    "more",
    [
        {"severity": 0},
        {"trace": TRACE_BYTES.hex(), "attributes": ATTRIBUTES, "body": ""},
        {"trace": TRACE_BYTES.hex(), "span": PARENT, "severity": 17},
        {"span": PARENT},
    ],
    ids=["by itself", "in a trace", "in a span", "in a span of no trace"],
)
def test_a_log_record_is_what_opentelemetry_makes_of_one(
    more: Any, resource: Resource, log: Callable[..., Log]
) -> None:
    of = log(**more)
    there = trace.INVALID_SPAN if of.trace is None else trace.NonRecordingSpan(at(of.trace, of.span or "0"))
    severity = SeverityNumber(of.severity)
    record = LogRecord(
        timestamp=of.time,
        observed_timestamp=of.observed,
        context=set_span_in_context(there, context.Context()),
        severity_text=severity.name,
        severity_number=severity,
        body=of.body,
        attributes={"log.record.uid": of.uid, **of.attributes},
        event_name=of.event,
    )
    reference = encode_logs([ReadableLogRecord(record, encode.resource(resource), encode.SCOPE)])
    assert encode.Logs().add(of, resource) == reference


def at(of: str, span: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(of, 16), int(span, 16), is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
