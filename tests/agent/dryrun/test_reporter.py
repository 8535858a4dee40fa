"""What is reported of a dry run: some events one by one, all of them in exact counts."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.dryrun import reporter
from lifesign.agent.dryrun.totals import TYPES_MAX, Totals

FAST = 1000.0


@pytest.fixture(autouse=True)
def dry_run_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")


def of(kind: str) -> Callable[[Any, int], dict[str, str]]:
    return lambda rng, index: {"type": kind}


async def test_at_a_high_rate_one_in_so_many_is_told_and_all_are_counted(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 3600.0)  # all of it is one second, however slow this machine is
    pulse = started()

    def handler(event: Any) -> None:
        if event["type"] == "b":
            raise ValueError("no")

    async with lifesign.DryRun(handler, events=[of("a"), of("b")], rate=1000, limit=100) as run:
        await run.wait()
    reported = pulse.ring("dry_run")
    in_turn = [one for one in reported if one["adjusted_count"]]
    assert [one["index"] for one in in_turn] == list(range(0, 100, 10))
    assert {one["adjusted_count"] for one in in_turn} == {10}
    # A failure is exported out of turn too, a few a second, and then stands for nothing but itself.
    more = [one for one in reported if not one["adjusted_count"]]
    assert more
    assert {one["error"]["type"] for one in more} == {"ValueError"}
    totals = pulse.ring("dry_run_totals")[-1]
    assert totals["types"] == [{"type": "a", "handled": 50, "failed": 0}, {"type": "b", "handled": 0, "failed": 50}]
    assert totals["lag"] == 0.0


async def test_a_handler_that_hangs_is_seen_as_lag_while_it_does(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 0.01)
    pulse = started()
    run = lifesign.DryRun(lambda _: asyncio.sleep(60), rate=FAST)
    await run.start()
    for _ in range(2000):
        totals = pulse.ring("dry_run_totals")
        if totals and totals[-1]["lag"] > 0.05:
            break
        await asyncio.sleep(0.005)
    else:
        raise AssertionError("no lag was reported")
    assert run.lag > 0.05
    await run.stop()
    assert pulse.ring("dry_run_totals")[-1]["lag"] == 0  # it is over


async def test_what_is_skipped_is_told(started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("lifesign.agent.dryrun.run.time", Clock(lambda: now))
    pulse = started()

    def handler(event: Any) -> None:
        nonlocal now
        now += 3.02

    async with lifesign.DryRun(handler, rate=10, limit=3) as run:
        await run.wait()
    # At 3.02 the event of 0.1 is 2.92 s late: 19 are skipped, up to 2.0. At 6.04 that of 2.1 is 3.94 s late: 29.
    assert run.skipped == 19 + 29
    assert pulse.ring("dry_run_totals")[-1]["skipped"] == run.skipped


async def test_what_was_skipped_is_told_once_in_several_tellings(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 0.003)
    pulse = started()
    asked: list[int] = []

    def progress() -> tuple[float, int]:
        asked.append(min(2 * len(asked), 10))
        return 0.25, asked[-1]

    with reporter.Reporter(1.0).every_second(asyncio.get_running_loop(), progress):
        for _ in range(2000):
            if len(asked) > 8:
                break
            await asyncio.sleep(0.005)
    reported = pulse.ring("dry_run_totals")
    assert [one["skipped"] for one in reported] == asked
    assert reported[-1]["skipped"] == 10
    assert [one["lag"] for one in reported] == [0.25] * (len(reported) - 1) + [0.0]  # it is over


class Clock:
    """The module `time`, with a monotonic clock of our own."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic

    @staticmethod
    def time_ns() -> int:
        return 1


async def test_the_share_that_is_told_follows_what_is_made(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    agent = lifecycle.running()
    assert agent is not None
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 0.003)
    reported = reporter.Reporter(20_000)
    assert [reported.stands_for(index) for index in (0, 1, 200)] == [200, 0, 200]
    with reported.every_second(asyncio.get_running_loop(), lambda: (0.0, 0)):
        await asyncio.sleep(0.02)
    assert reported.stands_for(7) == 1  # nothing was made: the next one is exported


def test_endless_types_do_not_grow_the_totals() -> None:
    totals = Totals()
    for number in range(TYPES_MAX + 10):
        totals.count(f"type-{number}", failed=number % 2 == 1)
    record = totals.record()
    assert len(record["types"]) == TYPES_MAX + 1
    assert record["types"][-1] == {"type": "other", "handled": 5, "failed": 5}


def test_the_slowest_run_that_goes_on_is_the_lag() -> None:
    totals = Totals()
    totals.progress(1, 0.5, 3)
    totals.progress(2, 0.25, 4)
    assert (totals.record()["lag"], totals.record()["skipped"]) == (0.5, 7)
    totals.progress(1, None, 0)
    assert (totals.record()["lag"], totals.record()["skipped"]) == (0.25, 7)
