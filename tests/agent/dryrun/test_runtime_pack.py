"""What the dry run of the older runtime pack did, row by row, with the names and defaults that its users know."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent.dryrun import registration
from lifesign.settings import Settings


@pytest.fixture(autouse=True)
def pack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRY_RUN", "DRY_RUN_RATE", "DRY_RUN_PATTERN", "DRY_RUN_SEED", "DRY_RUN_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registration, "_global", registration._Global())


async def collected(limit: int, **options: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    async with lifesign.DryRun(events.append, rate=1e6, limit=limit, force=True, **options) as run:
        await run.wait()
    return events


def test_it_is_on_by_dry_run_1_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lifesign.dry_run_handler(print)
    assert lifesign.dry_run() is None
    monkeypatch.setenv("DRY_RUN", "0")
    assert lifesign.dry_run() is None
    monkeypatch.setenv("DRY_RUN", "1")
    assert lifesign.dry_run() is not None


def test_rate_pattern_seed_and_account_have_their_variables_and_defaults() -> None:
    plain = Settings(environ={})
    assert (plain.dry_run_rate, plain.dry_run_pattern, plain.dry_run_seed) == (1.0, "sequential", 42)
    given = Settings(
        environ={"DRY_RUN_RATE": "2.5", "DRY_RUN_PATTERN": "burst", "DRY_RUN_SEED": "7", "DRY_RUN_ACCOUNT": "U1"}
    )
    assert (given.dry_run_rate, given.dry_run_pattern, given.dry_run_seed) == (2.5, "burst", 7)
    assert given.dry_run_account == "U1"


@pytest.mark.parametrize(
    ("variable", "raw"),
    [("DRY_RUN_RATE", "fast"), ("DRY_RUN_RATE", "-1"), ("DRY_RUN_PATTERN", "waves"), ("DRY_RUN_SEED", "x")],
)
def test_a_bad_value_warns_and_falls_back(variable: str, raw: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(environ={variable: raw}, strict=False)
    assert (settings.dry_run_rate, settings.dry_run_pattern, settings.dry_run_seed) == (1.0, "sequential", 42)
    assert f"{variable}={raw!r}" in caplog.text


async def test_the_factory_is_deterministic_by_seed_42() -> None:
    assert await collected(30) == await collected(30, seed=42)
    assert await collected(30) != await collected(30, seed=43)


async def test_trades_orders_and_positions_have_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN_ACCOUNT", "U1")
    trade, order, position = await collected(3)
    common = {"type", "id", "symbol", "quantity", "price", "account", "dry_run"}
    assert set(trade) == {*common, "side"}
    assert set(order) == {*common, "side", "status"}
    assert set(position) == common
    assert {event["account"] for event in (trade, order, position)} == {"U1"}
    assert {event["dry_run"] for event in (trade, order, position)} == {True}


async def test_sequential_takes_trade_order_and_position_in_turn() -> None:
    assert [event["type"] for event in await collected(7)] == ["trade", "order", "position"] * 2 + ["trade"]


async def test_random_takes_any() -> None:
    types = [event["type"] for event in await collected(60, pattern="random")]
    assert set(types) == {"trade", "order", "position"}
    assert types != (["trade", "order", "position"] * 20)


async def test_burst_takes_three_to_ten_at_once() -> None:
    moments: list[int] = []
    slept = asyncio.sleep

    async def sleep(seconds: float, *more: Any) -> None:
        if seconds > 0:
            moments.append(run.count)
            run._schedule.restart(0.0)  # the next burst is due: nobody waits here
        await slept(0)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "sleep", sleep)
        run = lifesign.DryRun(lambda event: None, pattern="burst", rate=0.001, limit=400, force=True)
        await run.start()
        await run.wait()
    sizes = {after - before for before, after in zip([0, *moments], moments)}
    assert sizes == set(range(3, 11))


async def test_it_starts_stops_and_counts_and_is_cancelled_in_the_middle(started: Callable[..., Any]) -> None:
    started()
    under_way = asyncio.Event()
    cancelled: list[bool] = []

    async def handler(event: Any) -> None:
        if event["id"].endswith("-2"):
            under_way.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    run = lifesign.DryRun(handler, rate=1e6, force=True)
    assert not run.running
    await run.start()
    await under_way.wait()
    assert run.running
    await run.stop()
    assert (run.running, run.count, cancelled) == (False, 2, [True])


async def test_a_handlers_error_is_told_and_the_loop_goes_on(started: Callable[..., Any]) -> None:
    pulse = started()

    def handler(event: Any) -> None:
        raise ValueError("no such symbol")

    async with lifesign.DryRun(handler, rate=100, limit=2, force=True) as run:
        await run.wait()
    assert (run.count, run.failed) == (2, 2)
    assert [record["error"]["message"] for record in pulse.ring("dry_run")] == ["no such symbol"] * 2


async def test_there_is_one_global_run_to_start_get_and_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    lifesign.dry_run_handler(lambda event: None)
    run = lifesign.dry_run()
    assert run is not None
    assert await run.start()
    assert lifesign.dry_run() is run
    assert run.running
    await run.stop()
    assert not run.running
