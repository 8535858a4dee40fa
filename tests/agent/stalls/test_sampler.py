"""Real loops that do not turn for some hundredths of a second, and who is said to have done it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.01", "LIFESIGN_STALL_THRESHOLD": "0.04"}


def waits() -> None:
    time.sleep(0.08)


def computes() -> None:
    until = time.thread_time() + 0.08
    while time.thread_time() < until:
        pass


def ended(pulse: Any) -> list[dict[str, Any]]:
    """What was written, by the time the agent has ended."""
    lifecycle.stop()
    return list({one["id"]: one for one in pulse.ring("stall_culprit")}.values())


def run(stall: Callable[[], None], times: int = 1) -> None:
    async def main() -> None:
        for _ in range(times):
            await asyncio.sleep(0.04)
            stall()
        await asyncio.sleep(0.04)

    asyncio.run(main())


@pytest.mark.parametrize("stall", [waits, computes])
def test_the_users_own_function_is_named(stall: Callable[[], None], started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    run(stall, 2)
    found = {one["place"]["function"]: one for one in ended(pulse) if one["what"] == "call"}
    one = found[stall.__name__]
    assert one["place"]["file"] == __file__
    assert 1 <= one["count"] <= 2
    assert one["worst"] <= one["total"] <= 10 * 1_000_000_000
    assert (one["task"][:5], one["coroutine"]) == ("Task-", "run.<locals>.main")
    assert [frame["function"] for frame in one["stacks"][0]["stack"]] == ["run.<locals>.main", stall.__name__]
    assert one["computing"] > one["total"] / 3 if stall is computes else one["computing"] < one["total"] / 3
    assert one["samples"] >= one["count"]


def test_the_collector_is_a_culprit_of_its_own(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    class Ring:
        pass

    kept = []
    for _ in range(100_000):
        ring: Any = Ring()
        ring.ring = ring
        kept.append(ring)

    def collects() -> None:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            gc.collect()

    run(collects)
    assert "gc" in [one["what"] for one in ended(pulse)]
    assert not any("Garbage" in repr(one) for one in gc.callbacks)


def test_a_loop_that_turns_in_time_has_no_culprit(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_STALL_THRESHOLD="30")
    run(waits)
    assert ended(pulse) == []
    assert pulse.ring("stall_totals") == []


def test_nothing_is_measured_where_that_is_off(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_STALL_THRESHOLD="0")
    run(waits)
    assert not any("Garbage" in repr(one) for one in gc.callbacks)
    assert ended(pulse) == []


def test_the_culprit_is_written_while_the_process_goes_on(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    over = threading.Event()

    async def main() -> None:
        await asyncio.sleep(0.04)
        waits()
        while not over.is_set():
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        eventually(lambda: pulse.ring("stall_culprit"))
        totals = eventually(lambda: pulse.ring("stall_totals"))[-1]
    finally:
        over.set()
        thread.join()
    assert totals["culprits"][0]["id"] == 1


def test_what_stalls_at_the_end_is_written_too(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    async def main() -> None:
        await asyncio.sleep(0.03)
        waits()
        lifecycle.stop()

    asyncio.run(main())
    assert [one["place"]["function"] for one in pulse.ring("stall_culprit") if one["place"]] == ["waits"]


def test_a_blocked_loop_has_the_samples_as_evidence(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_HEARTBEAT_TIMEOUT="0.15")

    def blocks() -> None:
        eventually(lambda: pulse.ring("stall"))

    run(blocks)
    one = pulse.ring("stall")[0]
    assert 1 <= one["in_place"] <= one["samples"]
    assert 0 <= one["computing"] <= one["samples"]


def test_a_loop_is_said_to_have_waited_and_computed(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    run(waits)
    run(computes)
    signs = [one for one in pulse.reader.vitals().loops if one is not None]
    assert max(one.cpu_ns for one in signs) >= 80_000_000
    assert sum(one.waited_ns for one in signs) >= 40_000_000
