"""The order desk works, falls ill as asked, and recovers; all of it without a sidecar."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

import lifesign
from lifesign.demo import service
from lifesign.demo.service import LEAK, WORKERS, OrderDesk
from support.waiting import in_time, until

PACE = 0.001


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The units of work that the desk reported."""
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    seen: list[str] = []
    monkeypatch.setattr(lifesign, "event", seen.append)
    return seen


@pytest.fixture
async def desk() -> AsyncIterator[OrderDesk]:
    desk = OrderDesk(pace=PACE)
    await desk.boot()
    yield desk
    await desk.close()


async def quiet(events: list[str]) -> int:
    """Waits until no more orders are booked; returns how many were."""

    async def wait() -> int:
        before = -1
        while len(events) != before:
            before = len(events)
            await asyncio.sleep(15 * PACE)
        return before

    return await in_time(wait())


def names() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def test_the_boot_goes_through_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real = lifesign.checkpoint

    def checkpoint(name: str) -> object:
        steps.append(name)
        return real(name)

    monkeypatch.setattr(lifesign, "checkpoint", checkpoint)
    desk = OrderDesk(pace=PACE)
    await desk.boot()
    await desk.close()
    assert steps == ["config loaded", "prices loaded", "broker connected", "workers started"]


async def test_every_booked_order_is_a_unit_of_work(desk: OrderDesk, events: list[str]) -> None:
    await until(lambda: len(events) >= 5)
    assert set(events) == {"order"}
    assert desk.booked >= 5
    assert {"producer", "worker-1", "worker-2", "worker-3"} <= names()


async def test_closing_leaves_no_task(events: list[str]) -> None:
    desk = OrderDesk(pace=PACE)
    await desk.boot()
    desk.leak()
    await desk.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_silence_stops_the_orders_until_recovery(desk: OrderDesk, events: list[str]) -> None:
    await until(lambda: len(events) > 0)
    desk.silence()
    before = await quiet(events)
    await desk.recover()
    await until(lambda: len(events) > before)


async def test_a_deadlock_holds_up_the_workers_until_recovery(desk: OrderDesk, events: list[str]) -> None:
    desk.deadlock()
    before = await quiet(events)
    assert {"settlement", "audit"} <= names()
    await desk.recover()
    await until(lambda: len(events) > before)
    assert not {"settlement", "audit"} & names()


@pytest.mark.parametrize("illness", ["use_up_pool", "fill_executor", "kill_consumers"])
async def test_what_holds_up_the_orders_until_recovery(desk: OrderDesk, events: list[str], illness: str) -> None:
    getattr(desk, illness)()
    before = await quiet(events)
    await desk.recover()
    await until(lambda: len(events) > before)


async def test_the_consumers_of_the_queue_die_of_an_error_and_are_replaced(desk: OrderDesk) -> None:
    workers = list(desk._workers)
    desk.kill_consumers()
    await until(lambda: all(worker.done() for worker in workers))
    assert [type(worker.exception()) for worker in workers] == [KeyError] * WORKERS
    await desk.recover()
    assert sorted(worker.get_name() for worker in desk._workers) == ["worker-1", "worker-2", "worker-3"]
    assert not any(worker.done() for worker in desk._workers)


async def test_closing_leaves_no_thread(events: list[str]) -> None:
    desk = OrderDesk(pace=PACE)
    await desk.boot()
    await until(lambda: desk.booked > 0)
    desk.fill_executor()
    await asyncio.sleep(10 * PACE)
    await desk.close()
    await until(lambda: not any("printer" in thread.name for thread in threading.enumerate()))


async def test_a_leak_leaves_a_thousand_tasks_until_recovery(desk: OrderDesk) -> None:
    before = len(asyncio.all_tasks())
    desk.leak()
    assert LEAK == 1000
    assert len(asyncio.all_tasks()) == before + 1000
    await desk.recover()
    assert len(asyncio.all_tasks()) == before


async def stillness(failure: Callable[[], None]) -> float:
    """For how long no thread runs while the loop stands still, in seconds."""
    beats: list[float] = []
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.002):
            beats.append(time.monotonic())

    thread = threading.Thread(target=beat)
    thread.start()
    failure()
    begin = time.monotonic()
    await asyncio.sleep(0)
    end = time.monotonic()
    done.set()
    thread.join()
    assert end - begin >= 0.05
    times = [begin, *(at for at in beats if begin < at < end), end]
    return max(later - earlier for earlier, later in zip(times, times[1:]))


async def test_a_standstill_stops_the_loop_and_the_worse_one_all_threads(
    desk: OrderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STANDSTILL_S", 0.06)

    async def others_run() -> None:
        while await stillness(desk.block) >= 0.05:
            pass  # a busy machine left them no processor just then; the next time it will

    await in_time(others_run())
    assert await stillness(desk.hold_gil) >= 0.05


async def test_short_stalls_come_again_and_again_until_recovery(
    desk: OrderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SHORT_STALLS_APART_S", PACE)
    monkeypatch.setattr(service, "SHORT_STALL_S", 0.001)
    rendered: list[float] = []
    real = desk._render_catalogue

    def render() -> None:
        real()
        rendered.append(time.monotonic())

    monkeypatch.setattr(desk, "_render_catalogue", render)
    desk.stall()
    await until(lambda: len(rendered) >= 3)
    assert "catalogue" in names()
    await desk.recover()
    assert "catalogue" not in names()


async def test_a_spin_lets_orders_pass_and_ends_with_the_recovery(desk: OrderDesk, events: list[str]) -> None:
    desk.spin()
    before = len(events)
    await until(lambda: len(events) > before + 3)
    assert "impatient" in names()
    await desk.recover()
    assert "impatient" not in names()


async def test_the_broker_fails_its_post_condition_until_recovery(desk: OrderDesk) -> None:
    assert (await lifesign.check_postconditions()).passed
    desk.fail_postcondition()
    report = await lifesign.check_postconditions()
    assert not report.passed
    assert "broker connected: the broker closed the session" in report.diagnostic
    await desk.recover()
    assert (await lifesign.check_postconditions()).passed


async def test_a_full_queue_is_only_a_warning(desk: OrderDesk) -> None:
    desk.deadlock()
    for number in range(60):
        desk._queue.put_nowait((number, "tea"))
    report = await lifesign.check_postconditions()
    assert report.passed
    (result,) = [result for result in report.results if result.name == "queue drains"]
    assert not result.passed
    assert result.reason.endswith("orders wait")


async def test_a_dry_run_goes_through_the_desk_beside_its_orders(
    monkeypatch: pytest.MonkeyPatch, events: list[str]
) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    monkeypatch.setenv("DRY_RUN_RATE", "200")
    desk = OrderDesk(pace=PACE)
    await desk.boot()
    run = lifesign.dry_run()
    assert run is not None
    assert await run.start()
    await until(lambda: {"trade", "order", "position"} <= set(events))
    await run.stop()
    await desk.close()
    assert run.failed == 0
