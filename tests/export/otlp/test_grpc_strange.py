"""Whatever answers over gRPC: what is no delivery is tried again, within bounds of time and memory."""

from __future__ import annotations

import gzip
import resource as limits
from typing import Any, Callable, Iterable

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from lifesign.export.otlp import encode
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.grpc import judge_error
from lifesign.export.otlp.outcome import Delivered, Outcome, Retry
from lifesign.watch.telemetry import Resource, Span
from support.backends.frame_server import RST_STREAM, FrameServer, frame, goaway, headers, message
from support.otlp_server import HttpServer
from support.rows import rows

GRPC = (":status", "200"), ("content-type", "application/grpc")
OK = ("grpc-status", "0")


def good(stream: int) -> Iterable[bytes]:
    yield headers(stream, *GRPC)
    yield message(stream, b"")
    yield headers(stream, OK, end=True)


@pytest.fixture
def items(resource: Resource, span: Callable[..., Span]) -> list[Any]:
    return [encode.span(span(), encode.resource(resource))]


async def attempts(
    items: list[Any], *answers: Any, drip: float = 0.0, count: int = 1, timeout: str = "5"
) -> list[Outcome]:
    """What becomes of so many attempts at a server that answers so, and then as it should."""
    server = FrameServer([*answers, *[good] * 20], drip)
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TIMEOUT": timeout,
    }
    exporters = open_exporters(environ)
    channel = Channel(exporters["traces"])
    try:
        outcomes = [await channel.attempt(items) for _ in range(count)]
        for _ in range(10):  # a busy machine may be late for a short timeout
            if isinstance(outcomes[-1], Retry) and count > 1:
                outcomes[-1] = await channel.attempt(items)
        return outcomes
    finally:
        for exporter in exporters.values():
            exporter.shutdown()
        server.stop()


async def test_frames_make_a_delivery(items: list[Any]) -> None:
    assert await attempts(items) == [Delivered()]


@pytest.mark.parametrize(
    "answer",
    [
        lambda stream: [headers(stream, (":status", "200"), ("content-type", "text/html"), end=True)],
        lambda stream: [headers(stream, (":status", "200"), ("content-type", "text/html")), message(stream, b"<html>")],
        lambda stream: [headers(stream, (":status", "200"), end=True)],
        lambda stream: [headers(stream, *GRPC, OK, end=True)],
        lambda stream: [headers(stream, *GRPC), headers(stream, OK, end=True)],
        lambda stream: [headers(stream, *GRPC), message(stream, b""), frame(RST_STREAM, 0, stream, bytes(4))],
        lambda stream: [headers(stream, *GRPC), message(stream, b"\xff"), headers(stream, OK, end=True)],
        lambda stream: [headers(stream, (":status", "403"), ("content-type", "text/html"), end=True)],
        lambda stream: [headers(stream, *GRPC, ("grpc-status", "many"), end=True)],
        lambda stream: [headers(stream, *GRPC, ("grpc-status", "4294967295"), end=True)],
        lambda stream: [frame(RST_STREAM, 0, stream, (7).to_bytes(4, "big"))],
        lambda stream: [goaway(0), b""],
        lambda stream: [goaway(11)],
        lambda stream: [goaway(0, stream), frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))],
        lambda stream: [b"\0" * 100],
    ],
    ids=[
        "html",
        "html body",
        "no type",
        "no message",
        "no message, trailers",
        "no trailers",
        "no protobuf",
        "403",
        "status no number",
        "status beyond",
        "refused stream",
        "goaway before it",
        "enhance your calm",
        "goaway and cancel",
        "no frames",
    ],
)
async def test_what_no_collector_says_is_no_delivery_and_no_refusal(answer: Any, items: list[Any]) -> None:
    strange, *rest = await attempts(items, answer, count=2, timeout="0.15")
    # A stream that the server never looked at may be sent again by gRPC itself, and then it was delivered.
    assert isinstance(strange, Retry) or strange == Delivered()
    assert rest == [Delivered()]


async def test_a_server_of_http_1_is_said(items: list[Any]) -> None:
    server = HttpServer()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    exporter = open_exporters(environ)["traces"]
    outcome = exporter.export(items)
    assert isinstance(outcome, Retry)
    assert outcome.why.endswith("does OTLP over HTTP listen there? see OTEL_EXPORTER_OTLP_PROTOCOL")
    exporter.shutdown()
    server.stop()


async def test_goaway_after_the_answer_costs_nothing(items: list[Any]) -> None:
    def leaving(stream: int) -> Iterable[bytes]:
        yield from good(stream)
        yield goaway(0, stream)

    assert await attempts(items, leaving, leaving, count=3) == [Delivered()] * 3


async def test_an_answer_that_is_too_large_is_no_refusal_of_the_request(items: list[Any]) -> None:
    def large(stream: int) -> Iterable[bytes]:
        yield headers(stream, *GRPC)
        yield message(stream, bytes(5 << 20))
        yield headers(stream, OK, end=True)

    [outcome] = await attempts(items, large)
    assert isinstance(outcome, Retry)


async def test_an_answer_has_a_bound_when_it_is_decoded(items: list[Any]) -> None:
    bomb = gzip.compress(bytes(40 << 20), 1)  # 180 kB

    def packed(stream: int) -> Iterable[bytes]:
        yield headers(stream, *GRPC, ("grpc-encoding", "gzip"))
        yield message(stream, bomb, compressed=True)
        yield headers(stream, OK, end=True)

    before = limits.getrusage(limits.RUSAGE_SELF).ru_maxrss
    [outcome] = await attempts(items, packed)
    assert isinstance(outcome, Retry)
    assert limits.getrusage(limits.RUSAGE_SELF).ru_maxrss - before < 30 << 10


async def test_an_answer_that_drips_has_the_time_of_one_attempt(items: list[Any]) -> None:
    def drips(stream: int) -> Iterable[bytes]:
        yield headers(stream, *GRPC)
        yield from (frame(0, 0, stream, b"\0") for _ in range(100))

    strange, fine = await attempts(items, drips, drip=0.02, count=2, timeout="0.15")
    assert strange == Retry("no answer in time")
    assert fine == Delivered()


class Failed:
    """A call that failed, as gRPC's own class has it."""

    def __init__(self, code: Any, details: Any, metadata: Any) -> None:
        self._parts = code, details, metadata

    def code(self) -> Any:
        return self._parts[0]

    def details(self) -> Any:
        return self._parts[1]

    def trailing_metadata(self) -> Any:
        return self._parts[2]


def packed(*details: Any) -> bytes:
    found = []
    for detail in details:
        found.append(AnyMessage())
        found[-1].Pack(detail)
    whole: bytes = Status(code=14, details=found).SerializeToString()
    return whole


BROKEN = AnyMessage(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")


def delay(seconds: int, nanos: int = 0) -> Any:
    info = RetryInfo()
    info.retry_delay.seconds = seconds
    info.retry_delay.nanos = nanos
    return info


@rows(
    ("metadata", "expected"),
    [
        (None, None),
        ((), None),
        ((("grpc-status-details-bin", b""),), None),
        ((("grpc-status-details-bin", packed(Status(), delay(3))),), 3.0),
        ((("grpc-status-details-bin", packed(delay(-5))),), 0.0),
        ((("grpc-status-details-bin", packed(delay((1 << 63) - 1))),), 600.0),
        ((("grpc-status-details-bin", packed(delay(-(1 << 63)))),), 0.0),
        ((("grpc-status-details-bin", packed(delay(1, (1 << 31) - 1))),), 3.147483647),
        ((("grpc-status-details-bin", Status(details=[BROKEN]).SerializeToString()),), None),
    ],
)
def test_how_long_the_collector_asks_to_wait(metadata: Any, expected: float | None) -> None:
    outcome = judge_error(Failed(grpc.StatusCode.UNAVAILABLE, None, metadata))
    assert isinstance(outcome, Retry)
    assert outcome.after == pytest.approx(expected)
