"""Records as the objects of the OpenTelemetry SDK, with ids and times as they were made."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from lifesign import semconv
from lifesign.watch.telemetry import Log, Resource, Span

SCOPE = InstrumentationScope(semconv.SCOPE, semconv.VERSION, semconv.SCHEMA_URL)

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
# An empty Context would be taken for "none given" and become the current one.
_NO_SPAN = set_span_in_context(trace.INVALID_SPAN, Context())


class _Resource(SdkResource):
    """A resource that is hashed once: the encoders look it up for every record, and the SDK hashes its JSON."""

    def __init__(self, attributes: dict[str, str | bool | int | float | list[str]]) -> None:
        super().__init__(attributes, semconv.SCHEMA_URL)
        self._hash = super().__hash__()

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)

    def __hash__(self) -> int:
        return self._hash


def resource(of: Resource) -> SdkResource:
    """The resource with exactly the given attributes: no detector of this process adds its own."""
    return _Resource(of.attributes)


def span(of: Span, resource: SdkResource) -> ReadableSpan:
    """A finished span.

    Raises:
        ValueError: an id is not hex, or not of the length that a trace or span id has.
    """
    trace_id = _id(of.trace, 32)
    return ReadableSpan(
        of.name,
        context=_context(trace_id, _id(of.id, 16), remote=False),
        parent=_context(trace_id, _id(of.parent, 16), remote=of.remote_parent) if of.parent else None,
        resource=resource,
        attributes=of.attributes,
        status=Status(StatusCode.UNSET) if of.error is None else Status(StatusCode.ERROR, of.error),
        start_time=of.start,
        end_time=of.end,
        instrumentation_scope=SCOPE,
    )


def log(of: Log, resource: SdkResource) -> ReadableLogRecord:
    """A log record, in the context of a span where it has one.

    Raises:
        ValueError: an id is not hex or not of the right length, or there is no such severity.
    """
    context = _NO_SPAN
    if of.trace is not None:
        span_id = _id(of.span, 16) if of.span is not None else 0
        context = set_span_in_context(
            trace.NonRecordingSpan(_context(_id(of.trace, 32), span_id, remote=False)), Context()
        )
    severity = SeverityNumber(of.severity)
    return ReadableLogRecord(
        LogRecord(
            timestamp=of.time,
            observed_timestamp=of.observed,
            context=context,
            severity_text=severity.name,
            severity_number=severity,
            body=of.body,
            attributes={semconv.LOG_UID: of.uid, **of.attributes},
            event_name=of.event,
        ),
        resource,
        SCOPE,
    )


def _context(trace_id: int, span_id: int, *, remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=remote, trace_flags=_SAMPLED)


def _id(text: str, digits: int) -> int:
    raw = bytes.fromhex(text)
    if len(raw) * 2 != digits:
        raise ValueError(f"{text!r} has not {digits} digits")
    return int.from_bytes(raw, "big")
