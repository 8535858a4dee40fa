"""The dry run of DRY_RUN=1: the registered handler is fed without a line more."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent.dryrun import registration
from support.waiting import until


@pytest.fixture
def dry(started: Callable[..., Any]) -> Any:
    return started(DRY_RUN="1", DRY_RUN_RATE="500", DRY_RUN_PATTERN="burst", LIFESIGN_HEARTBEAT_INTERVAL="0.003")


def test_it_starts_by_itself_at_a_beat_and_ends_with_the_loop(dry: Any) -> None:
    seen: list[Any] = []

    async def main() -> None:
        @lifesign.dry_run_handler
        async def handle(event: Any) -> None:
            seen.append((event, lifesign.is_synthetic()))
            lifesign.event("order")

        run = lifesign.dry_run()
        assert run is lifesign.dry_run()
        assert run is not None
        await until(lambda: run.count >= 20)
        await run.stop()
        count = run.count
        await asyncio.sleep(0.05)
        assert (run.count, run.running) == (count, False)  # it was stopped by hand

    asyncio.run(main())
    assert all(synthetic and event["dry_run"] for event, synthetic in seen)
    (counted,) = dry.reader.vitals().events
    assert (counted.real, counted.synthetic) == (0, len(seen))
    assert counted.stand_in_ns > 0


def test_the_next_loop_has_a_run_of_its_own(dry: Any) -> None:
    runs: list[lifesign.DryRun] = []

    async def main() -> None:
        await until(lambda: registration._global.begun is not None and not registration._global.begun[1].is_closed())
        run = lifesign.dry_run()
        assert run is not None
        runs.append(run)
        await until(lambda: run.count >= 5)

    lifesign.dry_run_handler(lambda event: None)
    asyncio.run(main())
    asyncio.run(main())
    first, second = runs
    assert first is not second
    assert not first.running


def test_synthetic_events_are_the_first_of_a_boot_that_waits_for_one(started: Callable[..., Any]) -> None:
    pulse = started(DRY_RUN="1", DRY_RUN_RATE="500", LIFESIGN_EVENTS="order=30s", LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.dry_run_handler(lambda event: lifesign.event("order"))

    async def main() -> None:
        await until(lambda: "complete" in pulse.checkpoints())

    asyncio.run(main())
    assert "first event received" in pulse.checkpoints()


@pytest.mark.parametrize(
    ("environ", "first"), [({}, [("order", 0, 1)]), ({"LIFESIGN_EVENTS": "fill=30s"}, [("fill", 0, 0)])]
)
def test_of_a_service_that_counts_and_promises_none_what_the_handler_takes_is_the_first_event(
    started: Callable[..., Any], environ: dict[str, str], first: list[Any]
) -> None:
    pulse = started(DRY_RUN="1", **environ)

    def handler(event: Any) -> None:
        if event["type"] == "trade":
            raise ValueError("trades are not taken")

    async def main() -> None:
        async with lifesign.DryRun(handler, rate=500, limit=6) as run:
            await run.wait()

    asyncio.run(main())
    assert [(event.name, event.real, event.synthetic) for event in pulse.reader.vitals().events] == first


def test_beside_real_traffic_synthetic_events_prove_nothing(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_EVENTS="order=30s", LIFESIGN_HEARTBEAT_INTERVAL="0.003")

    async def main() -> None:
        async with lifesign.DryRun(lambda event: lifesign.event("order"), rate=500, limit=20, force=True) as run:
            await run.wait()
        await until(lambda: "waiting for first event" in pulse.checkpoints())
        await asyncio.sleep(0.02)

    asyncio.run(main())
    (counted,) = pulse.reader.vitals().events
    assert (counted.synthetic, counted.mono_ns, counted.stand_in_ns) == (20, 0, 0)
    assert "first event received" not in pulse.checkpoints()


async def test_without_a_handler_or_with_dry_run_off_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    assert lifesign.dry_run() is None
    lifesign.dry_run_handler(print)
    monkeypatch.setenv("DRY_RUN", "0")
    assert lifesign.dry_run() is None


async def test_without_a_sidecar_it_is_started_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    monkeypatch.setenv("DRY_RUN_RATE", "soon")  # malformed: the default is taken
    monkeypatch.setenv("DRY_RUN_ACCOUNT", "desk-7")
    accounts: list[str] = []

    @lifesign.dry_run_handler(events=None)
    def handle(event: Any) -> None:
        accounts.append(event["account"])

    run = lifesign.dry_run()
    assert run is not None
    assert await run.start()
    await until(lambda: bool(accounts))
    await run.stop()
    assert set(accounts) == {"desk-7"}


def test_the_handler_that_is_registered_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    lifesign.dry_run_handler(print)
    first = lifesign.dry_run()
    lifesign.dry_run_handler(repr)
    assert lifesign.dry_run() is not first


@pytest.mark.parametrize("events", [5, [5], [], "ab"])
def test_factories_that_are_none_are_a_warning_and_no_run(
    events: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    lifesign.dry_run_handler(print, events=events)  # type: ignore[call-overload]
    assert lifesign.dry_run() is None
    assert "there is no dry run: ValueError: events" in caplog.text
    lifesign.dry_run_handler(print)
    assert lifesign.dry_run() is not None


def test_an_iterator_of_factories_serves_the_next_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    lifesign.dry_run_handler(print, events=iter([lambda rng, index: index]))  # type: ignore[call-overload]
    for _ in range(2):
        assert lifesign.dry_run() is not None
        registration._global.run = None
