"""Records as OTLP: one request, to which they are added one by one, with ids and times as they were made.

The encoders of OpenTelemetry want each record as an object of the SDK first, and copy what they make of it three times:
six times the work, of what was half of all the work that a record makes here.
"""

from __future__ import annotations

from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags, Status
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import TraceFlags

from lifesign import semconv
from lifesign.watch.telemetry import Attributes, Log, Profile, Resource, Span

SCOPE = InstrumentationScope(semconv.SCOPE, semconv.VERSION, semconv.SCHEMA_URL)

_KIND = OtlpSpan.SpanKind.SPAN_KIND_INTERNAL
_ERROR = Status.StatusCode.STATUS_CODE_ERROR
_KNOWN = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK  # where the parent is: it is known
_REMOTE = _KNOWN | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_SEVERITIES = {severity.value: severity.name for severity in SeverityNumber}


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


class _Request:
    """A request with records of one kind.

    Args:
        empty: the message.
        by_resource: its list of what belongs to one resource.
        scoped: the name of the list in that of what belongs to one scope, and of that in it of the records.
    """

    def __init__(self, empty: Any, by_resource: Any, scoped: tuple[str, str]) -> None:
        self.request = empty
        self._by_resource = by_resource
        self._scoped = scoped
        self._known: dict[str, Any] = {}

    def _of(self, resource: Resource) -> Any:
        """The list of records of a resource."""
        records = self._known.get(resource.key)
        if records is None:
            group = self._by_resource.add()
            group.schema_url = semconv.SCHEMA_URL
            group.resource.SetInParent()
            _encode(resource.attributes, group.resource.attributes)
            scopes, name = self._scoped
            scope = getattr(group, scopes).add()
            scope.scope.name, scope.scope.version = semconv.SCOPE, semconv.VERSION
            scope.schema_url = semconv.SCHEMA_URL
            records = self._known[resource.key] = getattr(scope, name)
        return records


class Traces(_Request):
    """A request with finished spans."""

    def __init__(self) -> None:
        request = ExportTraceServiceRequest()
        super().__init__(request, request.resource_spans, ("scope_spans", "spans"))

    def add(self, of: Span, resource: Resource) -> Any:
        """Returns the request.

        Raises:
            ValueError, TypeError: it cannot be encoded, and is not in the request.
        """
        spans = self._of(resource)
        made = spans.add()
        try:
            made.trace_id, made.span_id = _id(of.trace, 32), _id(of.id, 16)
            made.name, made.kind = of.name, _KIND
            made.start_time_unix_nano, made.end_time_unix_nano = of.start, of.end
            made.flags = _REMOTE if of.remote_parent and of.parent else _KNOWN
            if of.parent:
                made.parent_span_id = _id(of.parent, 16)
            made.status.SetInParent()
            if of.error is not None:
                made.status.code, made.status.message = _ERROR, of.error
            _encode(of.attributes, made.attributes)
        except BaseException:
            del spans[-1]
            raise
        return self.request


class Logs(_Request):
    """A request with log records, each in the context of a span where it has one."""

    def __init__(self) -> None:
        request = ExportLogsServiceRequest()
        super().__init__(request, request.resource_logs, ("scope_logs", "log_records"))

    def add(self, of: Log, resource: Resource) -> Any:
        """See `Traces`."""
        records = self._of(resource)
        made = records.add()
        try:
            if of.severity not in _SEVERITIES:
                raise ValueError(f"there is no severity {of.severity}")
            made.severity_number, made.severity_text = of.severity, _SEVERITIES[of.severity]
            made.time_unix_nano, made.observed_time_unix_nano = of.time, of.observed
            made.event_name, made.body.string_value = of.event, of.body
            if of.trace is not None:
                made.trace_id, made.flags = _id(of.trace, 32), TraceFlags.SAMPLED
                if of.span is not None:
                    made.span_id = _id(of.span, 16)
            _encode({semconv.LOG_UID: of.uid, **of.attributes}, made.attributes)
        except BaseException:
            del records[-1]
            raise
        return self.request


class ProfileList:
    """Profiles, of which the exporter makes a request: what its tables share is known once all are there."""

    def __init__(self) -> None:
        self.request: list[tuple[Profile, SdkResource]] = []

    def add(self, of: Profile, of_resource: Resource) -> Any:
        """See `Traces`."""
        self.request.append((of, resource(of_resource)))
        return self.request


def _encode(attributes: Attributes, into: Any) -> None:
    """Attributes as pairs of OTLP; one that OTLP has no room for is left out, and costs nobody else."""
    for key, of in attributes.items():
        pair = into.add()
        try:
            pair.key = key
            _set(pair.value, of)
        except (ValueError, TypeError):
            del into[-1]


def _set(value: Any, of: object) -> None:
    kind = type(of)
    if kind is str:
        value.string_value = of
    elif kind is bool:
        value.bool_value = of
    elif kind is int:
        value.int_value = of
    elif kind is float:
        value.double_value = of
    elif isinstance(of, list):
        values = value.array_value.values
        value.array_value.SetInParent()
        for one in of:
            _set(values.add(), one)
    else:
        raise TypeError(f"an attribute is a {kind.__name__}")


def _id(text: str, digits: int) -> bytes:
    raw = bytes.fromhex(text)
    if len(raw) * 2 != digits:
        raise ValueError(f"{text!r} has not {digits} digits")
    return raw
