"""A spool on a disk that does not come back: nobody waits for it, and nothing is lost by it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.export import pipeline as pipeline_module
from lifesign.export.queue.segments import Segments
from lifesign.watch.telemetry import Resource, Span
from support.made.spools import append, drained, opened, piping, segments
from support.otlp_server import HttpServer


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Writes wait until it is set."""
    back = asyncio.Event()
    write = Segments._write

    async def late(self: Segments, *arguments: Any) -> None:
        await back.wait()
        await write(self, *arguments)

    monkeypatch.setattr(Segments, "_write", late)
    return back


async def test_what_comes_in_the_meantime_waits_in_memory_in_its_order(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], still: asyncio.Event
) -> None:
    spool = await opened(tmp_path)
    assert spool.standstill == 0
    first = asyncio.create_task(append(spool, [resource], [span(1)]))
    while not spool.standstill:
        await asyncio.sleep(0)
    spool.put([resource], [span(2)])
    second = asyncio.create_task(spool.flush())
    await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    still.set()
    assert await first
    assert await second
    assert spool.standstill == 0
    assert await drained(spool) == ["span 1", "span 2"]
    await spool.close()


async def test_a_write_ends_though_more_comes_all_the_time(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = await opened(tmp_path)
    write = Segments._write
    numbers = iter(range(2, 100))

    async def overtaken(self: Segments, *arguments: Any) -> None:
        spool.put([resource], [span(next(numbers))])
        await write(self, *arguments)

    monkeypatch.setattr(Segments, "_write", overtaken)
    assert await append(spool, [resource], [span(1)])
    assert b"span 1" in segments(tmp_path)[0].read_bytes()
    assert next(numbers) == 3, "one write, and what came by then is for the next"
    await spool.close()


async def test_a_disk_that_is_only_slow_loses_nothing(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], still: asyncio.Event
) -> None:
    spool = await opened(tmp_path, 20_000)
    first = asyncio.create_task(append(spool, [resource], [span(0)]))
    while not spool.standstill:
        await asyncio.sleep(0)
    spool.put([resource], [span(number) for number in range(1, 40)])  # more than memory is meant to hold
    still.set()
    assert await first
    assert await drained(spool) == [f"span {number}" for number in range(40)]
    assert spool.dropped == {"spool": 0, "invalid": 0}
    await spool.close()


async def test_half_of_its_memory_is_as_much_as_may_wait(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], still: asyncio.Event
) -> None:
    spool = await opened(tmp_path, 20_000)
    assert spool.has_room
    spool.put([resource], [span(number) for number in range(20)])
    assert not spool.has_room
    still.set()
    await spool.flush()
    assert spool.has_room
    await spool.close()


async def test_a_disk_that_stands_still_is_a_problem_and_holds_up_no_end(
    tmp_path: Path,
    collector: HttpServer,
    resource: Resource,
    span: Callable[..., Span],
    still: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pipeline_module, "_STANDSTILL", 0.0)
    monkeypatch.setattr(pipeline_module, "_LAST_WRITE", 0.01)
    async with piping(collector.url, tmp_path, timeout=0.01) as pipeline:
        assert pipeline.status().errors == ()
        pipeline.emit([resource], [span(1)])
        while not pipeline.status().errors:
            await asyncio.sleep(0)
        assert pipeline.status().errors == ("the spool's disk has not answered for 0 s",)
        pipeline.publish([])
        assert "has not answered" in caplog.text
    assert "exported by the next sidecar" in caplog.text
    still.set()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
