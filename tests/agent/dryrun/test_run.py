"""Dry run: generated events through the service's own handler, whatever that does."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, Callable

import pytest

import lifesign
from support.waiting import until

FAST = 100_000.0  # events a second: none of these tests waits for the schedule


@pytest.fixture(autouse=True)
def dry_run_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")


async def test_events_go_through_the_handler_one_after_the_other(started: Callable[..., Any]) -> None:
    pulse = started()
    handled: list[tuple[str, bool]] = []

    async def handler(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        handled.append((event["id"], lifesign.is_synthetic()))
        lifesign.event("order")

    async with lifesign.DryRun(handler, rate=100, limit=4) as run:
        await run.wait()
    assert not lifesign.is_synthetic()
    assert (run.count, run.failed, run.running, run.lag) == (4, 0, False, 0.0)
    assert handled == [("trade-0", True), ("order-1", True), ("position-2", True), ("trade-3", True)]
    records = pulse.ring("dry_run")
    assert [(one["type"], one["index"], one["error"], one["adjusted_count"]) for one in records] == [
        ("trade", 0, None, 1),
        ("order", 1, None, 1),
        ("position", 2, None, 1),
        ("trade", 3, None, 1),
    ]
    (counted,) = pulse.reader.vitals().events
    assert (counted.name, counted.real, counted.synthetic) == ("order", 0, 4)


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_handler_that_raises_is_that_events_error_and_the_run_goes_on(
    started: Callable[..., Any], is_async: bool
) -> None:
    pulse = started()

    def handler(event: dict[str, Any]) -> None:
        if event["type"] == "order":
            raise ValueError("no such symbol")

    async def awaited(event: dict[str, Any]) -> None:
        handler(event)

    async with lifesign.DryRun(awaited if is_async else handler, rate=100, limit=3) as run:
        await run.wait()
    errors = [record["error"] for record in pulse.ring("dry_run")]
    assert [error and error["type"] for error in errors] == [None, "ValueError", None]
    assert (run.count, run.failed) == (3, 1)


async def test_events_may_be_anything_and_have_a_type_all_the_same(started: Callable[..., Any]) -> None:
    class Order:
        pass

    pulse = started()
    factories = [lambda rng, index, event=event: event for event in (Order(), b"raw", {"n": 1}, {"type": "t" * 200})]
    async with lifesign.DryRun(lambda event: None, events=factories, rate=100, limit=4) as run:
        await run.wait()
    assert run.failed == 0
    assert [record["type"] for record in pulse.ring("dry_run")] == ["Order", "bytes", "dict", "t" * 100]


async def test_without_a_sidecar_the_first_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def handler(event: Any) -> None:
        raise ValueError("no such symbol")

    async with lifesign.DryRun(handler, rate=FAST, limit=3) as run:
        await run.wait()
    assert run.failed == 3
    assert caplog.text.count("ValueError: no such symbol") == 1


async def test_a_factory_that_raises_is_that_events_error_too(started: Callable[..., Any]) -> None:
    pulse = started()
    async with lifesign.DryRun(print, events=lambda rng, index: {}[index], rate=FAST, limit=2) as run:
        await run.wait()
    assert (run.count, run.failed) == (2, 2)
    assert pulse.ring("dry_run")[0]["error"]["type"] == "KeyError"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a task does not know that it was cancelled")
async def test_something_cancelled_inside_the_handler_is_an_error_of_the_event() -> None:
    async def handler(event: Any) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        inner.cancel()
        await inner

    async with lifesign.DryRun(handler, rate=FAST, limit=2) as run:
        await run.wait()
    assert (run.count, run.failed) == (2, 2)


async def test_stopping_cancels_the_event_under_way_and_starting_goes_on() -> None:
    handled: list[int] = []
    hung = asyncio.Event()

    async def handler(event: Any) -> None:
        if event["n"] == 2 and not hung.is_set():
            hung.set()
            await asyncio.sleep(60)
        handled.append(event["n"])

    run = lifesign.DryRun(handler, events=lambda _, index: {"n": index}, rate=FAST, limit=4)
    assert await run.start()
    assert await run.start()  # it runs already
    await hung.wait()
    await run.stop()
    await run.stop()
    assert (handled, run.count, run.running) == ([0, 1], 2, False)
    assert await run.start()
    await run.wait()
    assert handled == [0, 1, 2, 3]


async def test_a_handler_may_stop_the_run_that_calls_it() -> None:
    async def handler(event: Any) -> None:
        await run.stop()

    run = lifesign.DryRun(handler, rate=FAST, pattern="burst")
    await run.start()
    await run.wait()
    assert run.count == 1


async def test_a_pause_lasts_until_it_goes_on() -> None:
    run = lifesign.DryRun(lambda _: run.pause() if run.count in (2, 5) else None, rate=FAST, limit=9)
    await run.start()
    for paused_at in (3, 6):
        await until(lambda at=paused_at: run.count == at)  # type: ignore[misc]
        for _ in range(20):
            await asyncio.sleep(0)
        assert (run.count, run.running, run.lag) == (paused_at, True, 0.0)
        run.resume()
    await run.wait()
    assert (run.count, run.skipped) == (9, 0)


class Clock:
    """The module `time`, with a monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("lifesign.agent.dryrun.run.time", clock)
    return clock


async def test_what_was_due_in_a_pause_is_not_made_up(clock: Clock) -> None:
    run = lifesign.DryRun(lambda _: run.pause(), rate=10, limit=2)
    await run.start()
    await until(lambda: run.count == 1)
    clock.now += 100
    run.resume()
    await run.wait()
    assert (run.count, run.skipped) == (2, 0)


async def test_a_duration_ends_it(clock: Clock) -> None:
    def handler(event: Any) -> None:
        clock.now += 3.0

    async with lifesign.DryRun(handler, rate=FAST, duration=10.0) as run:
        await run.wait()
    assert (run.count, run.running) == (4, False)


async def test_it_leaves_the_loop_its_turns() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    async with lifesign.DryRun(lambda _: time.sleep(0.0005), rate=1e9, limit=100) as run:
        await run.wait()
    beside.cancel()
    assert run.count == 100
    assert turns > 10


async def test_it_refuses_where_dry_run_is_off_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DRY_RUN", "0")
    async with lifesign.DryRun(print, limit=1) as run:
        await run.wait()
        assert not run.running
    assert not await run.start()
    assert run.count == 0
    assert "DRY_RUN=1" in caplog.text
    async with lifesign.DryRun(lambda _: None, limit=1, force=True) as reported:
        await reported.wait()
    assert reported.count == 1


async def test_a_pattern_of_ones_own_and_one_that_is_broken(
    started: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    started()
    seen: list[str] = []
    factories = [lambda rng, index, name=name: {"type": name} for name in ("a", "b")]

    def only_the_last(rng: Any, index: int, kinds: int) -> list[int]:
        if index >= 4:
            raise RuntimeError("out of ideas")
        return [kinds - 1] * 2

    handler = lambda event: seen.append(event["type"])  # noqa: E731
    async with lifesign.DryRun(handler, events=factories, pattern=only_the_last, rate=FAST) as run:
        await run.wait()
    assert seen == ["b"] * 4
    assert "out of ideas" in caplog.text


def test_a_run_that_has_not_begun_has_no_pause() -> None:
    run = lifesign.DryRun(print)
    run.pause()
    run.resume()
    assert not run.running
