"""Real loops that do not turn for some hundredths of a second, and who is said to have done it."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import time
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.stalls import kernel, spins
from support.waiting import eventually

MANY = 500
FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.01", "LIFESIGN_STALL_THRESHOLD": "0.04"}


def waits() -> None:
    time.sleep(0.06)


def computes() -> None:
    until = time.thread_time() + 0.06
    while time.thread_time() < until:
        pass


def ended(pulse: Any) -> list[dict[str, Any]]:
    """What was written, by the time the agent has ended."""
    lifecycle.stop()
    return list({one["id"]: one for one in pulse.ring("stall_culprit")}.values())


def short(frame: dict[str, Any]) -> str:
    """The name of its function; those of before 3.11 say no more."""
    return str(frame["function"].rpartition(".")[2])


def run(*stalls: Callable[[], None], until: Callable[[], bool] = lambda: True) -> None:
    """Again and again: where others take the processors, that is said to have been the machine."""

    async def main() -> None:
        for _ in range(100):
            for stall in stalls:
                await asyncio.sleep(0.03)
                stall()
            await asyncio.sleep(0.02)
            if until():
                return

    asyncio.run(main())


def test_the_users_own_functions_are_named(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    def found() -> dict[str, Any]:
        return {one["place"]["function"]: one for one in pulse.ring("stall_culprit") if one["place"]}

    run(waits, computes, until=lambda: len(found()) >= 2)
    for stall in (waits, computes):
        one = found()[stall.__name__]
        assert one["place"]["file"] == __file__
        assert 1 <= one["count"] <= one["samples"]
        assert 10_000_000 <= one["worst"] <= one["total"]
        assert (one["task"][:5], one["coroutine"]) == ("Task-", "run.<locals>.main")
        assert [short(frame) for frame in one["stacks"][0]["stack"]] == ["main", stall.__name__]
    assert found()["waits"]["computing"] < found()["computes"]["computing"]
    signs = [one for one in pulse.reader.vitals().loops if one is not None]
    assert max(one.cpu_ns for one in signs) >= 60_000_000
    assert sum(one.waited_ns for one in signs) >= 10_000_000


def test_the_collector_is_a_culprit_of_its_own(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    class Ring:
        pass

    kept = []
    for _ in range(150_000):
        ring: Any = Ring()
        ring.ring = ring
        kept.append(ring)

    def collects() -> None:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            gc.collect()

    run(collects, until=lambda: any(one["what"] == "gc" for one in pulse.ring("stall_culprit")))
    assert "gc" in [one["what"] for one in ended(pulse)]
    assert not any("Garbage" in repr(one) for one in gc.callbacks)


@pytest.mark.parametrize("threshold", ["30", "0"])
def test_below_the_threshold_and_without_one_nobody_is_a_culprit(threshold: str, started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_STALL_THRESHOLD=threshold)
    assert any("Garbage" in repr(one) for one in gc.callbacks) is (threshold == "30")
    run(waits)
    assert ended(pulse) == []
    assert pulse.ring("stall_totals") == []


def test_the_culprit_is_written_while_the_process_goes_on(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    over = threading.Event()

    async def main() -> None:
        while not over.is_set():
            await asyncio.sleep(0.02)
            waits()  # again, where a busy machine kept the sampler from it

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        eventually(lambda: pulse.ring("stall_culprit"))
        found = eventually(lambda: [one["culprits"] for one in pulse.ring("stall_totals") if one["culprits"]])
    finally:
        over.set()
        thread.join()
    assert found[-1][0]["id"] == 1


def test_what_stalls_at_the_end_is_written_too(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    async def main() -> None:
        await asyncio.sleep(0.03)
        time.sleep(0.2)  # long enough on a busy machine too
        lifecycle.stop()

    asyncio.run(main())
    assert [short(one["place"]) for one in pulse.ring("stall_culprit") if one["place"]] == ["main"]


@pytest.mark.parametrize("timer", [False, True])
def test_a_loop_in_which_a_library_waits_for_work_is_no_culprits(timer: bool, started: Callable[..., Any]) -> None:
    """Unless there is something to be done in it."""
    pulse = started(**FAST)
    orders: queue.Queue[int] = queue.Queue()
    loop = asyncio.SelectorEventLoop()

    def serve() -> None:
        for times in range(1, MANY if timer else 2):
            loop.call_later(0.04 * times, orders.get)
        loop.run_forever()
        loop.close()

    def gives() -> Any:
        time.sleep(0.08)
        orders.put(1)
        return pulse.ring("stall_culprit")

    thread = threading.Thread(target=serve)
    thread.start()
    if timer:
        eventually(gives)  # again, where a busy machine kept the sampler from it
    else:
        time.sleep(0.16)
    found = {
        short(one["place"]) for one in ended(pulse) if one["place"]
    }  # before it is to stop, which is something to do
    loop.call_soon_threadsafe(loop.stop)
    for _ in range(MANY):
        orders.put(1)
    thread.join()
    assert found == ({"wait"} if timer else set())


def test_a_blocked_loop_has_the_samples_as_evidence(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_HEARTBEAT_TIMEOUT="0.15")

    def blocks() -> None:
        seen = len(pulse.ring("stall"))
        eventually(lambda: len(pulse.ring("stall")) > seen)

    run(blocks, until=lambda: bool(pulse.ring("stall")[-1]["in_place"]))  # a thread without a processor is in no place
    one = pulse.ring("stall")[-1]
    assert 1 <= one["in_place"] <= one["samples"]
    assert 0 <= one["computing"] <= one["samples"]


def test_a_loop_that_spins_is_written_with_what_it_does_and_that_it_is_over(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spins, "SAMPLES", 4)
    monkeypatch.setattr(spins, "_PAUSE_NS", (1_000_000, 3_000_000))
    monkeypatch.setattr(spins, "_PRICE", 0)
    monkeypatch.setattr(spins, "_BEGINS", 0.1)  # others may have the processor
    monkeypatch.setattr(spins, "_ENDS", 0.09)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_HEARTBEAT_TIMEOUT="0.06")

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def spin() -> None:
            if not over:
                loop.call_soon(spin)

        over: list[Any] = []
        spin()
        while not over:
            await asyncio.sleep(0.02)
            over += pulse.ring("busy_loop")
        while len(pulse.ring("busy_loop")) < 2:
            await asyncio.sleep(0.02)

    asyncio.run(main())
    first, last = pulse.ring("busy_loop")[:2]
    assert (first["samples"], first["place"]["file"]) == (4, __file__)
    assert short(first["place"]) == "spin"
    assert 2 <= first["in_place"] <= 4
    assert 0.1 <= first["utilization"] <= 1
    assert (last["samples"], last["place"], last["stacks"]) == (0, None, [])
    assert (last["loop"], last["since"]) == (first["loop"], first["since"])


def test_a_sample_that_the_collector_runs_in_does_not_blind_it(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = started(**FAST)
    used, state, collected = time.thread_time_ns, kernel.state, [0]

    def collects(native_thread: int) -> tuple[str, int]:
        collected[0] = 100_000_000_000
        return state(native_thread)

    monkeypatch.setattr(kernel, "state", collects)
    monkeypatch.setattr(time, "thread_time_ns", lambda: used() + collected[0])

    def found() -> set[str]:
        return {one["place"]["function"] for one in pulse.ring("stall_culprit") if one["place"]}

    run(waits, computes, until=lambda: bool(collected[0]) and {"waits", "computes"} <= found())
    assert {"waits", "computes"} <= found()
