"""Over HTTP only a 2xx whose answer leaves nothing out counts as delivered."""

from __future__ import annotations

import logging
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Callable, Iterator

import pytest
from google.rpc.status_pb2 import Status

from lifesign.export.complaint import Complaint
from lifesign.export.otlp import encode, http, outcome
from lifesign.export.otlp.exporters import Exporter, open_exporters
from lifesign.export.otlp.outcome import NOT_SENT, Delivered, Outcome, Refused, Retry
from lifesign.export.otlp.targets import Target
from lifesign.watch.telemetry import Log, Resource, Span
from support.otlp_server import Answer, HttpServer, partial
from support.rows import rows


@pytest.fixture
def send(collector: HttpServer, resource: Resource, span: Callable[..., Span]) -> Iterator[Callable[[], Outcome]]:
    exporters = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    yield lambda: exporters["traces"].export([encode.span(span(), encode.resource(resource))])
    for exporter in exporters.values():
        exporter.shutdown()


def test_an_empty_answer_is_delivered(send: Callable[[], Outcome], collector: HttpServer) -> None:
    assert send() == Delivered()
    assert [s.name for s in collector.spans()] == ["span 1"]


def test_logs_and_metrics_too(collector: HttpServer, resource: Resource, log: Callable[..., Log]) -> None:
    exporters = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    record = encode.log(log(), encode.resource(resource))
    assert exporters["logs"].export([record]) == Delivered()
    collector.script("logs", Answer(body=partial("logs", 1, "too old").SerializeToString()))
    assert exporters["logs"].export([record]) == Refused("too old", 1)
    from opentelemetry.sdk.metrics.export import MetricsData

    collector.script("metrics", Answer(body=partial("metrics", 5, "").SerializeToString()))
    assert exporters["metrics"].export(MetricsData([])) == Refused("no reason given", 5)
    for exporter in exporters.values():
        exporter.shutdown()


class Heavy:
    """A span, a log record or metrics that there is no memory for."""

    def __getattr__(self, name: str) -> object:
        raise MemoryError


@pytest.mark.parametrize("kind", ["traces", "logs", "metrics", "profiles"])
def test_a_want_of_memory_is_no_fault_of_what_is_sent(kind: str, collector: HttpServer) -> None:
    exporters = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}, profiles=True)
    heavy = {"metrics": Heavy(), "profiles": [(Heavy(), Heavy())]}.get(kind, [Heavy()])
    assert exporters[kind].export(heavy) == Retry("encoding failed: MemoryError")
    for exporter in exporters.values():
        exporter.shutdown()


def test_partial_success_is_refused(send: Callable[[], Outcome], collector: HttpServer) -> None:
    collector.script("traces", Answer(body=partial("traces", 3, "queue\nfull").SerializeToString()))
    assert send() == Refused("queue full", 3)


def test_a_message_with_nothing_rejected_is_a_warning(
    send: Callable[[], Outcome],
    collector: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outcome, "_warning", Complaint())  # of this test alone: it is said once a minute
    collector.script("traces", Answer(body=partial("traces", 0, "use a newer version").SerializeToString()))
    assert send() == Delivered()
    assert "use a newer version" in caplog.text


@rows(
    ("answer", "expected"),
    [
        (Answer(200, b"{}", {"Content-Type": "application/json"}), Delivered()),
        (
            Answer(
                200,
                b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}',
                {"Content-Type": "application/json"},
            ),
            Refused("no", 2),
        ),
        (
            Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),
            Retry("the answer is no OTLP (text/html): does a Collector listen there?"),
        ),
        (
            Answer(200, b"[", {"Content-Type": "application/json"}),
            Retry("the answer is no OTLP (application/json): does a Collector listen there?"),
        ),
        (
            Answer(302, headers={"Location": "https://u:p@login.example/x?token=1"}),
            Retry("HTTP 302 Found: it points to https://login.example/x"),
        ),
        (Answer(304), Retry("HTTP 304 Not Modified: it points to nowhere")),
        (Answer(408), Retry("HTTP 408 Request Timeout")),
        (Answer(500, b"\xff"), Retry("HTTP 500 Internal Server Error")),
        (
            Answer(503, b"wait", {"Content-Type": "text/plain", "Retry-After": "20"}),
            Retry("HTTP 503 Service Unavailable: wait", 20.0),
        ),
        (Answer(429, headers={"Retry-After": "99999"}), Retry("HTTP 429 Too Many Requests", 600.0)),
        (Answer(429, headers={"Retry-After": "soon"}), Retry("HTTP 429 Too Many Requests")),
        (Answer(429, headers={"Retry-After": "nan"}), Retry("HTTP 429 Too Many Requests")),
        (
            Answer(400, Status(message="bad proto").SerializeToString()),
            Refused("HTTP 400 Bad Request: bad proto"),
        ),
        (Answer(413), Refused(f"HTTP 413 {HTTPStatus(413).phrase}", divisible=True)),
        (Answer(415), Refused("HTTP 415 Unsupported Media Type")),
        (Answer(422), Refused(f"HTTP 422 {HTTPStatus(422).phrase}")),
        (Answer(401), Retry("HTTP 401 Unauthorized; see OTEL_EXPORTER_OTLP_HEADERS")),
        (Answer(403), Retry("HTTP 403 Forbidden; see OTEL_EXPORTER_OTLP_HEADERS")),
        (
            Answer(404, b"<html>nothing</html>", {"Content-Type": "text/html"}),
            Retry("HTTP 404 Not Found; see the path of the endpoint, and whether the Collector has such a pipeline"),
        ),
        (Answer(405), Retry("HTTP 405 Method Not Allowed; see the path of the endpoint")),
    ],
    ids=lambda row: f"{row[0].status} {row[1]}",
)
def test_each_answer_is_judged_after_one_request(
    answer: Answer, expected: Outcome, send: Callable[[], Outcome], collector: HttpServer
) -> None:
    collector.requests.clear()
    collector.script("traces", answer)
    assert send() == expected
    assert len(collector.requests) == 1, "the exporter must not try again by itself"


def test_retry_after_may_be_a_date(send: Callable[[], Outcome], collector: HttpServer) -> None:
    collector.script("traces", Answer(503, headers={"Retry-After": formatdate(time.time() + 100, usegmt=True)}))
    outcome = send()
    assert isinstance(outcome, Retry)
    assert outcome.after is not None
    assert 95 < outcome.after <= 100


def exporter_to(url: str) -> Exporter:
    return open_exporters({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url})["traces"]


def test_a_refused_connection_is_said_in_a_few_words(resource: Resource, span: Callable[..., Span]) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}
    exporter = open_exporters({**endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "60"})["traces"]
    began = time.monotonic()
    assert exporter.export([encode.span(span(), encode.resource(resource))]) == Retry("Connection refused")
    assert time.monotonic() - began < 30, "the exporter must not try again by itself, for all of its time"
    exporter.shutdown()


def test_a_timeout(
    collector: HttpServer, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.03")
    collector.script("traces", Answer(hang=True))
    exporter = exporter_to(collector.url + "/v1/traces")
    assert exporter.export([encode.span(span(), encode.resource(resource))]) == Retry("no answer in time")
    exporter.shutdown()


def test_headers_are_sent_and_never_told(
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token=good")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    exporter = exporter_to(collector.url + "/v1/traces")
    items = [encode.span(span(), encode.resource(resource))]
    assert exporter.export(items) == Delivered()
    assert collector.headers[0]["x-token"] == "good"
    exporter.shutdown()

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token=secret%0Avalue")
    exporter = exporter_to(collector.url + "/v1/traces")
    assert exporter.export(items) == Retry("InvalidHeader")
    assert "secret" not in caplog.text
    exporter.shutdown()


def test_what_cannot_be_encoded_was_not_sent(
    collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    exporter = exporter_to(collector.url + "/v1/traces")
    assert exporter.target == Target("traces", "http/protobuf", collector.url + "/v1/traces")
    assert exporter.export([encode.span(span(start=1 << 70), encode.resource(resource))]) == NOT_SENT
    assert collector.requests == []
    exporter.shutdown()


def test_a_server_that_wants_tls_is_no_refusal(send: Callable[[], Outcome], collector: HttpServer) -> None:
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    collector.script("traces", Answer(400, said, {"Content-Type": "text/plain"}))
    assert send() == Retry("Client sent an HTTP request to an HTTPS server.; write https:// in the endpoint")


def test_a_connection_that_opens_when_all_are_closed_is_of_no_use() -> None:
    connections = http._Connections()
    connections.abort()
    with pytest.raises(http.NotDeliveredError):
        connections.add(object())
