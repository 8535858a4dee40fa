"""Whatever answers over HTTP: what is no delivery is tried again, within bounds of time and memory."""

from __future__ import annotations

import asyncio
import functools
import gzip
import threading
import time
import tracemalloc
import zlib
from typing import Any, Callable, Iterator

import pytest

from lifesign.export.otlp import encode, http_answer
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.http_answer import HttpAnswer
from lifesign.export.otlp.outcome import ANSWER_MAX, Delivered, Outcome, Refused, Retry
from lifesign.off_loop import BUSY
from lifesign.watch.telemetry import Resource, Span
from support.backends.frame_server import SETTINGS, frame, goaway
from support.otlp_server import Answer, HttpServer, partial
from support.rows import rows

OTLP = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def items(resource: Resource, span: Callable[..., Span]) -> list[Any]:
    return [encode.span(span(), encode.resource(resource))]


@pytest.fixture
def channel(collector: HttpServer) -> Iterator[Channel]:
    exporters = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "5"})
    yield Channel(exporters["traces"])
    for exporter in exporters.values():
        exporter.shutdown()


def patience(channel: Channel, seconds: float) -> None:
    channel.exporter.target = channel.exporter.target._replace(timeout=seconds)


async def nobody_waits() -> None:
    """No thread stays behind at a connection."""
    while any(thread.name == BUSY for thread in threading.enumerate()):
        await asyncio.sleep(0.005)


@rows(
    "value",
    [
        "Fri, 31 Dec 99999999999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "9" * 5000,
        "1e999",
        "-5",
        "",
        ",",
        "\x00",
    ],
)
def test_no_retry_after_makes_a_refusal(value: str) -> None:
    outcome = http_answer.judge("traces", HttpAnswer(503, "", {"Retry-After": value}, b""))
    assert isinstance(outcome, Retry)
    assert outcome.after in (None, 0.0)


async def test_what_nobody_thought_of_is_tried_again_and_counted_as_that(
    channel: Channel, items: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(kind: str, answer: HttpAnswer) -> Outcome:
        raise ArithmeticError("a bug of ours")

    monkeypatch.setattr(http_answer, "judge", judge)
    assert await channel.attempt(items) == Retry("judging the answer failed: ArithmeticError")
    assert channel.retries == 1


async def test_an_exporter_that_raises_is_tried_again(channel: Channel) -> None:
    outcome = await channel.attempt(None)  # nothing to iterate over
    assert isinstance(outcome, Retry)
    assert channel.error is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n" + b"\0" * 1000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 200,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
    ids=["head", "body", "chunks", "continue"],
)
async def test_an_answer_that_drips_has_the_time_of_one_attempt(
    channel: Channel, items: list[Any], collector: HttpServer, raw: bytes
) -> None:
    collector.script("traces", Answer(raw=raw, drip=0.01))
    patience(channel, 0.04)
    began = time.monotonic()
    attempt = asyncio.create_task(channel.attempt(items))
    await asyncio.sleep(0.02)
    assert 0 < channel.age <= time.monotonic() - began, "what is in flight has an age"
    assert await attempt == Retry("no answer in time")
    assert channel.age > 0
    while collector.pending("traces"):  # on a busy machine the request may not have arrived, or come after the next one
        assert await channel.attempt(items) in (Retry("no answer in time"), Delivered())
    await nobody_waits()
    patience(channel, 5)
    assert await channel.attempt(items) == Delivered(), "the next attempt has a connection of its own"
    assert (channel.error, channel.age) == (None, 0.0)


async def test_an_attempt_that_is_cancelled_leaves_no_thread(
    channel: Channel, items: list[Any], collector: HttpServer
) -> None:
    collector.script("traces", Answer(hang=True))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(channel.attempt(items), 0.03)
    await nobody_waits()


@rows(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b""),
        (200, {"Content-Type": "TEXT/HTML; charset=utf-8"}, b""),
        (200, {"Content-Type": "application/xhtml+xml"}, b""),
        (200, {"Content-Type": "text/plain"}, b"\n\0"),  # an empty partial_success, if it were protobuf
        (200, {**OTLP, "Content-Length": "-1"}, b""),
        (200, {**OTLP, "Content-Length": "0, 0"}, b""),
        (200, {**OTLP, "Content-Length": "\u0665"}, b""),
        (200, {**OTLP, "Content-Encoding": "gzip"}, b"not gzip"),
        (200, {**OTLP, "Content-Encoding": "br"}, b""),
        (200, {**OTLP, "Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b""))),
        (200, {"Content-Type": "application/json"}, b"[" * 100_000),
        (400, {**OTLP, "Content-Length": "-1"}, b""),
        (400, {"Content-Type": "text/html"}, b"<html>"),
        (100, {}, b""),
        (999, {}, b""),
    ],
)
def test_what_no_collector_says_is_no_delivery_and_no_refusal(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    assert isinstance(http_answer.judge("traces", HttpAnswer(status, "", headers, body)), Retry)


@rows(
    ("headers", "body"),
    [
        ({}, b""),
        ({"Content-Type": "text/plain; charset=utf-8"}, b""),
        ({"Content-Type": "application/json; charset=utf-8"}, b""),
        ({"Content-Type": "application/json"}, b"{}"),
        ({**OTLP, "Content-Encoding": "gzip"}, gzip.compress(b"\n\0")),
        ({**OTLP, "Content-Encoding": "deflate"}, zlib.compress(b"\n\0")),
        ({**OTLP, "Content-Encoding": "deflate"}, zlib.compress(b"\n\0")[2:-4]),
        ({**OTLP, "Content-Encoding": "identity"}, b"\n\0"),
        ({**OTLP, "Content-Encoding": "gzip"}, b""),  # nothing, whatever it is packed in
    ],
)
def test_what_receivers_are_known_to_answer_is_a_delivery(headers: dict[str, str], body: bytes) -> None:
    assert http_answer.judge("traces", HttpAnswer(200, "OK", headers, body)) == Delivered()


def test_partial_success_is_read_through_an_encoding() -> None:
    body = gzip.compress(partial("traces", 3, "no").SerializeToString())
    answer = HttpAnswer(200, "OK", {**OTLP, "Content-Encoding": "gzip"}, body)
    assert http_answer.judge("traces", answer) == Refused("no", 3)


@functools.cache
def bomb() -> bytes:
    return gzip.compress(bytes(32 << 20), 1)  # 140 kB


@pytest.mark.parametrize("status", [200, 307, 503])
async def test_an_answer_has_a_bound(channel: Channel, items: list[Any], collector: HttpServer, status: int) -> None:
    assert len(bomb()) < ANSWER_MAX
    there = {"Location": collector.url}
    collector.script(
        "traces",
        Answer(status, bomb(), {**there, "Content-Encoding": "gzip"}),
        Answer(status, bytes(10 << 20), there),
    )
    tracemalloc.start()
    try:
        first, second = await channel.attempt(items), await channel.attempt(items)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert peak < 20 << 20  # of which 10 are the server's
    assert await channel.attempt(items) == Delivered()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (frame(SETTINGS, 0, 0) + goaway(1), "does gRPC listen there? see OTEL_EXPORTER_OTLP_PROTOCOL"),
        (b"SSH-2.0-x\r\n", "the answer is no HTTP/1.1"),
        (b"\r\n", "the answer is no HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", ""),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", ""),
    ],
)
async def test_what_is_no_whole_answer_is_tried_again(
    raw: bytes, said: str, channel: Channel, items: list[Any], collector: HttpServer
) -> None:
    collector.script("traces", Answer(raw=raw))
    outcome = await channel.attempt(items)
    assert isinstance(outcome, Retry)
    assert said in outcome.why
    assert await channel.attempt(items) == Delivered()


def test_every_whole_answer_leaves_its_connection_open(collector: HttpServer, items: list[Any]) -> None:
    exporter = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})["traces"]
    for answer in (Answer(), Answer(503, b"x" * 1000), Answer(400), Answer()):
        collector.script("traces", answer)
        exporter.export(items)
    assert collector.connections_so_far == 1
    exporter.shutdown()
