"""Dry run and synthetic: what is made up is tagged, and nothing else is."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent.samples import sample_event


async def test_events_go_through_the_handler_one_after_the_other(started: Callable[..., Any]) -> None:
    pulse = started()
    handled: list[tuple[str, bool]] = []

    async def handler(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        handled.append((event["id"], lifesign.is_synthetic()))
        lifesign.event("order")

    async with lifesign.DryRun(handler, rate=1000, limit=4) as run:
        await run.wait()
    assert not lifesign.is_synthetic()
    assert run.count == 4
    assert handled == [("trade-0", True), ("order-1", True), ("position-2", True), ("trade-3", True)]
    records = pulse.ring("dry_run")
    assert [(record["type"], record["index"], record["error"]) for record in records] == [
        ("trade", 0, None),
        ("order", 1, None),
        ("position", 2, None),
        ("trade", 3, None),
    ]
    (counted,) = pulse.reader.vitals().events
    assert (counted.name, counted.real, counted.synthetic) == ("order", 0, 4)


async def test_a_handler_that_raises_is_that_events_error_and_the_run_goes_on(started: Callable[..., Any]) -> None:
    pulse = started()

    def handler(event: dict[str, Any]) -> None:
        if event["type"] == "order":
            raise ValueError("no such symbol")

    async with lifesign.DryRun(handler, rate=1000, limit=3) as run:
        await run.wait()
    errors = [record["error"] for record in pulse.ring("dry_run")]
    assert [error and error["type"] for error in errors] == [None, "ValueError", None]
    assert run.count == 3


async def test_it_runs_without_a_sidecar_and_stops_when_told() -> None:
    handled: list[int] = []
    run = lifesign.DryRun(lambda event: handled.append(event["n"]), events=lambda _, index: {"n": index}, rate=1000)
    await run.start()
    await run.start()
    for _ in range(300):
        if len(handled) >= 3:
            break
        await asyncio.sleep(0.01)
    await run.stop()
    await run.stop()
    count = len(handled)
    await asyncio.sleep(0.02)
    assert len(handled) == count >= 3
    assert handled == list(range(count))


def test_the_same_seed_makes_the_same_events() -> None:
    def some(seed: int) -> list[dict[str, Any]]:
        rng = random.Random(seed)
        return [sample_event(rng, index) for index in range(30)]

    assert some(42) == some(42)
    assert some(42) != some(43)
    kinds = {event["type"]: event for event in some(42)}
    assert set(kinds) == {"trade", "order", "position"}
    assert all(event["dry_run"] is True and event["account"] == "DRY-RUN" for event in kinds.values())
    assert "status" in kinds["order"]
    assert "side" not in kinds["position"]


def test_a_pattern_or_rate_that_cannot_be_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="'waves' is not one of: sequential"):
        lifesign.DryRun(print, pattern="waves")
    with pytest.raises(ValueError, match="above 0"):
        lifesign.DryRun(print, rate=0)


async def test_synthetic_reaches_tasks_and_threads_and_nothing_beside() -> None:
    seen: dict[str, bool] = {}

    async def inner(name: str) -> None:
        seen[name] = lifesign.is_synthetic()

    with lifesign.synthetic():
        task = asyncio.create_task(inner("task"))
        seen["thread"] = await asyncio.to_thread(lifesign.is_synthetic)
        await inner("await")
    beside = asyncio.create_task(inner("beside"))
    await asyncio.gather(task, beside)
    assert seen == {"task": True, "thread": True, "await": True, "beside": False}
