"""A record arrives as it was made: ids, times, parent, status, event name."""

from __future__ import annotations

from typing import Callable

import pytest
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from lifesign.export.otlp import encode
from lifesign.watch.telemetry import Log, Resource, Span

TRACE_BYTES = bytes.fromhex("0123456789abcdef0123456789abcdef")


def test_a_span_keeps_ids_times_and_parent(resource: Resource, span: Callable[..., Span]) -> None:
    made = span(10, parent="00000000000000ff", remote_parent=True, attributes={"n": 1, "names": ["a", "b"]})
    request = encode_spans([encode.span(made, encode.resource(resource))])
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
    request = encode_spans([encode.span(span(error="stuck at 4"), encode.resource(resource))])
    [sent] = request.resource_spans[0].scope_spans[0].spans
    assert (sent.status.code, sent.status.message) == (2, "stuck at 4")
    assert sent.parent_span_id == b""


def test_a_log_record_stands_in_its_span(resource: Resource, log: Callable[..., Log]) -> None:
    made = log(trace="0123456789abcdef0123456789abcdef", span="00000000000000ff", attributes={"k": True})
    request = encode_logs([encode.log(made, encode.resource(resource))])
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
        request = encode_logs([encode.log(log(), encode.resource(resource))])
    finally:
        context.detach(token)
    [sent] = request.resource_logs[0].scope_logs[0].log_records
    assert (sent.trace_id, sent.span_id) == (b"", b"")


def test_records_of_one_resource_go_together(resource: Resource, span: Callable[..., Span]) -> None:
    twice = [encode.resource(resource), encode.resource(Resource("7-abc", dict(resource.attributes)))]
    request = encode_spans([encode.span(span(n), r) for n, r in enumerate(twice, 1)])
    assert len(request.resource_spans) == 1


@pytest.mark.parametrize("wrong", ["xyz", "0x23456789abcdef", "00000000000000ff0", ""])
def test_an_id_that_is_none_is_an_error(wrong: str, resource: Resource, span: Callable[..., Span]) -> None:
    with pytest.raises(ValueError, match=r"hex|digits"):
        encode.span(span(id=wrong), encode.resource(resource))
