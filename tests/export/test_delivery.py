"""A batch is done with when the Collector has it or has refused it, and not before."""

from __future__ import annotations

import asyncio
import errno
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import AsyncIterator, Awaitable, Callable

import pytest

from lifesign.export.delivery import Delivery
from lifesign.export.otlp import channel, encode
from lifesign.export.otlp.channel import Backoff, Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.queue.spool import Batch, Spool
from lifesign.watch.telemetry import Log, Resource, Span
from support.made.spools import append
from support.otlp_server import Answer, HttpServer, partial
from support.waiting import in_time


class Pump:
    def __init__(self, spool: Spool, channel: Channel) -> None:
        self.spool = spool
        self.channel = channel

    async def emptied(self) -> None:
        await in_time(self._emptied())

    async def _emptied(self) -> None:
        while self.spool.size:
            await asyncio.sleep(0.002)


@asynccontextmanager
async def pumping(directory: Path, url: str, kind: str = "traces") -> AsyncIterator[Pump]:
    spool = await Spool.open(directory, 1 << 20)
    channel = Channel(open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": url})[kind])
    delivery = Delivery(spool, channel)
    task = asyncio.create_task(delivery.run())
    try:
        yield Pump(spool, channel)
    finally:
        delivery.finish()
        await in_time(task)
        channel.exporter.shutdown()
        await spool.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "FIRST", 0.003)


async def test_spans_arrive_with_their_resource(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1), span(3)])
        await pump.emptied()
    assert [s.name for s in collector.spans()] == ["span 1", "span 3"]
    assert pump.spool.rejected == 0


async def test_log_records_arrive_after_as_many_attempts_as_it_takes(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    log: Callable[..., Log],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    collector.script("logs", Answer(503), Answer(302), Answer(404))
    async with pumping(tmp_path, collector.url, "logs") as pump:
        await append(pump.spool, [resource], [log(2)])
        await pump.emptied()
        assert (pump.channel.error, pump.channel.age, pump.channel.retries) == (None, 0.0, 3)
    assert len(collector.of("logs")) == 4
    assert caplog.text.count("logs do not reach") == 1, "said once"
    assert "logs reach http://127.0.0.1" in caplog.text


async def test_nothing_is_committed_before_it_is_delivered(
    tmp_path: Path, collector: HttpServer, resource: Resource, log: Callable[..., Log]
) -> None:
    collector.script("logs", *[Answer(503)] * 50)
    async with pumping(tmp_path, collector.url, "logs") as pump:
        await append(pump.spool, [resource], [log(2)])
        while len(collector.of("logs")) < 2:
            await asyncio.sleep(0.002)
        assert pump.spool.size > 0
        assert pump.channel.error is not None
        assert pump.channel.age > 0
    collector.requests.clear()
    collector.relent()
    async with pumping(tmp_path, collector.url, "logs") as pump:
        await pump.emptied()
    [record] = collector.logs()
    [uid] = [one.value.string_value for one in record.attributes if one.key == "log.record.uid"]
    assert uid == "uid-2", "the same id after a restart"


async def test_retry_after_is_kept(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    collector.script("traces", Answer(429, headers={"Retry-After": "0.06"}))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1)])
        await pump.emptied()
        assert loop.time() - began >= 0.06
    assert len(collector.requests) == 2


async def test_what_is_refused_is_counted_and_set_aside(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector.script("traces", Answer(400), Answer(body=partial("traces", 1, "no such name").SerializeToString()))
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1), span(2)])
        await pump.emptied()
        await append(pump.spool, [resource], [span(3), span(4)])
        await pump.emptied()
    assert pump.spool.rejected == 3
    aside = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [json.loads(line["line"])["name"] for line in aside] == ["span 1", "span 2", "span 3", "span 4"]
    assert [line["why"].rpartition(": ")[2] for line in aside[1:3]] == ["HTTP 400 Bad Request", "no such name"]
    assert "cannot be delivered" in caplog.text
    assert len(collector.requests) == 2, "never again"
    assert pump.channel.retries == 0
    async with pumping(tmp_path, collector.url) as pump:
        assert pump.spool.rejected == 3, "counted over all lives"


@pytest.mark.parametrize(("said", "believed"), [(3, 2), ((1 << 63) - 1, 2), (-5, 0)])
async def test_no_more_can_be_refused_than_was_sent(
    said: int, believed: int, tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    collector.script("traces", Answer(body=partial("traces", said, "").SerializeToString()))
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1), span(2)])
        await pump.emptied()
    assert pump.spool.rejected == believed


async def test_one_that_cannot_be_sent_does_not_take_the_others_with_it(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    async with pumping(tmp_path, collector.url) as pump:
        spans = [span(n) for n in range(1, 9)]
        spans[2] = span(3, start=1 << 70)  # no such time in protobuf
        spans[5] = span(6, id="not hex")
        await append(pump.spool, [resource], spans)
        await pump.emptied()
    assert [s.name for s in collector.spans()] == ["span 1", "span 2", "span 4", "span 5", "span 7", "span 8"]
    assert pump.spool.rejected == 2


async def test_one_that_nobody_thought_of_does_not_stop_those_behind_it(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = encode.span

    def sometimes(of: Span, resource: object) -> object:
        if of.name == "span 2":
            raise TypeError("a bug of ours")
        return real(of, resource)  # type: ignore[arg-type]

    monkeypatch.setattr(encode, "span", sometimes)
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(n) for n in (1, 2, 3)])
        await pump.emptied()
    assert [s.name for s in collector.spans()] == ["span 1", "span 3"]
    assert pump.spool.rejected == 1
    assert "a bug of ours" in (tmp_path / "rejected.jsonl").read_text()


async def test_a_want_of_memory_gives_no_record_up(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = encode.span
    failures = iter([MemoryError()])

    def at_first_not(of: Span, resource: object) -> object:
        for one in failures:
            raise one
        return real(of, resource)  # type: ignore[arg-type]

    monkeypatch.setattr(encode, "span", at_first_not)
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1), span(2)])
        await pump.emptied()
    assert [s.name for s in collector.spans()] == ["span 1", "span 2"]
    assert pump.spool.rejected == 0


async def test_a_batch_that_is_begun_anew_counts_what_was_refused_once(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = Spool.commit
    failures = iter([OSError(errno.EIO, "Input/output error")])

    async def sometimes(spool: Spool, batch: Batch) -> None:
        for failure in failures:
            raise failure
        await commit(spool, batch)

    monkeypatch.setattr(Spool, "commit", sometimes)
    collector.script("traces", Answer(400), Answer(400))
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1), span(2)])
        await pump.emptied()
    assert pump.spool.rejected == 2


async def test_too_large_a_request_is_halved(
    tmp_path: Path, collector: HttpServer, resource: Resource, span: Callable[..., Span]
) -> None:
    collector.script("traces", Answer(413), Answer(413))
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(n) for n in (1, 2, 3, 4)])
        await pump.emptied()
    sizes = [len(r.resource_spans[0].scope_spans[0].spans) for r in collector.of("traces")]
    assert sizes == [4, 2, 1, 1, 2]
    assert pump.spool.rejected == 0


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (RuntimeError("bug"), "the delivery failed"),
        (MemoryError(), "there is no memory"),
        (OSError(errno.EMFILE, "Too many open files"), "the spool cannot be read: Too many open files"),
    ],
)
async def test_it_outlives_an_error(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    said: str,
) -> None:
    real: Callable[[Spool, int], Awaitable[object]] = Spool.read
    failures = iter([failure])

    async def read(spool: Spool, limit: int) -> object:
        for one in failures:
            raise one
        return await real(spool, limit)

    monkeypatch.setattr(Spool, "read", read)
    async with pumping(tmp_path, collector.url) as pump:
        await append(pump.spool, [resource], [span(1)])
        await pump.emptied()
    assert said in caplog.text
    assert len(collector.spans()) == 1


def test_waits_double_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "FIRST", 0.5)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    waits = Backoff()
    assert [waits.next(None) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert waits.next(100.0) == 100.0
    waits.reset()
    assert waits.next(0.1) == 0.5
    monkeypatch.setattr("random.uniform", lambda low, high: low)
    assert waits.next(None) == 0.5
