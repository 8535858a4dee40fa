"""Over gRPC the same holds: the answer is read, and nothing is tried again inside."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.sdk.metrics.export import MetricsData

from lifesign.export.otlp import encode
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, Retry
from lifesign.watch.telemetry import Log, Resource, Span
from support.otlp_server import GrpcServer, partial
from support.rows import rows

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    server = GrpcServer()
    yield server
    server.stop()


@pytest.fixture
def environ(server: GrpcServer) -> dict[str, str]:
    server.requests.clear()
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


def once(environ: dict[str, str], resource: Resource, span: Span) -> Outcome:
    exporters = open_exporters({**environ, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"})
    try:
        return exporters["traces"].export([encode.span(span, encode.resource(resource))])
    finally:
        exporters["traces"].shutdown()


def retry_info(seconds: float) -> tuple[tuple[str, bytes], ...]:
    delay = Duration()
    delay.FromMilliseconds(int(seconds * 1000))
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=delay))
    return (("grpc-status-details-bin", Status(code=14, details=[detail]).SerializeToString()),)


def test_all_three_kinds_arrive(
    server: GrpcServer, environ: dict[str, str], resource: Resource, span: Callable[..., Span], log: Callable[..., Log]
) -> None:
    exporters = open_exporters(environ)
    of = encode.resource(resource)
    assert exporters["traces"].export([encode.span(span(), of)]) == Delivered()
    assert exporters["logs"].export([encode.log(log(), of)]) == Delivered()
    assert exporters["metrics"].export(MetricsData([])) == Delivered()
    assert [s.name for s in server.spans()] == ["span 1"]
    assert [r.event_name for r in server.logs()] == ["lifesign.silence"]
    assert len(server.of("metrics")) == 1
    for exporter in exporters.values():
        exporter.shutdown()
    assert exporters["traces"].export([encode.span(span(), of)]) != Delivered(), "after its end"


@rows(
    ("answer", "expected"),
    [
        (partial("traces", 2, "no room"), Refused("no room", 2)),
        ((Code.INVALID_ARGUMENT, "bad"), Refused("gRPC INVALID_ARGUMENT: bad")),
        ((Code.UNIMPLEMENTED, "x"), Retry("gRPC UNIMPLEMENTED: x; has the Collector such a pipeline?")),
        ((Code.UNAUTHENTICATED, ""), Retry("gRPC UNAUTHENTICATED: ; see OTEL_EXPORTER_OTLP_HEADERS")),
        ((Code.PERMISSION_DENIED, ""), Retry("gRPC PERMISSION_DENIED: ; see OTEL_EXPORTER_OTLP_HEADERS")),
        ((Code.UNAVAILABLE, "busy"), Retry("gRPC UNAVAILABLE: busy")),
        ((Code.UNAVAILABLE, "busy", retry_info(7.5)), Retry("gRPC UNAVAILABLE: busy", 7.5)),
        (
            (Code.UNAVAILABLE, "busy", (("grpc-status-details-bin", b"\xff"),)),
            Retry("gRPC UNAVAILABLE: busy"),
        ),
        ((Code.RESOURCE_EXHAUSTED, "slow down", retry_info(9999)), Retry("gRPC RESOURCE_EXHAUSTED: slow down", 600.0)),
        (
            (Code.RESOURCE_EXHAUSTED, "grpc: received message larger than max (9 vs. 4)"),
            Refused("gRPC RESOURCE_EXHAUSTED: grpc: received message larger than max (9 vs. 4)", divisible=True),
        ),
        ((Code.INTERNAL, "bug"), Retry("gRPC INTERNAL: bug")),
    ],
    ids=lambda row: str(row[1]),
)
def test_each_answer_is_judged_after_one_call(
    answer: object,
    expected: Outcome,
    server: GrpcServer,
    environ: dict[str, str],
    resource: Resource,
    span: Callable[..., Span],
) -> None:
    server.requests.clear()
    server.script("traces", answer)
    assert once(environ, resource, span()) == expected
    assert len(server.requests) == 1, "the exporter must not try again by itself"


def test_nobody_listens(resource: Resource, span: Callable[..., Span]) -> None:
    began = time.monotonic()
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
    }
    outcome = once(environ, resource, span())
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith("gRPC UNAVAILABLE")
    assert time.monotonic() - began < 30, "the exporter must not try again by itself, for all of its time"


def test_what_cannot_be_encoded_was_not_sent(
    server: GrpcServer, environ: dict[str, str], resource: Resource, span: Callable[..., Span]
) -> None:
    outcome = once(environ, resource, span(start=1 << 70))
    assert isinstance(outcome, Refused)
    assert outcome.divisible
    assert server.requests == []


@pytest.mark.parametrize(
    ("answered", "raised", "expected"),
    [
        (None, MemoryError(), Retry("encoding failed: MemoryError")),
        (Delivered(), ValueError("too late"), Delivered()),  # what the Collector has said counts
    ],
)
def test_an_exporter_that_raises(
    environ: dict[str, str], answered: Outcome | None, raised: Exception, expected: Outcome
) -> None:
    exporters = open_exporters(environ)
    exporter: Any = exporters["traces"]

    def export(_: object) -> None:
        exporter._answer.outcome = answered
        raise raised

    inner, exporter._exporter = exporter._exporter, SimpleNamespace(export=export)
    assert exporter.export([]) == expected
    exporter._exporter = inner
    for one in exporters.values():
        one.shutdown()
