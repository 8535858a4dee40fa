"""How checks run: what hangs, what is cancelled, what is asked for, and what the pulse says of it."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.checks.registry import registry
from lifesign.wire import layout

CUT = "it timed out in an earlier run and has not returned yet"


def reasons(report: lifesign.Report) -> list[str]:
    return [result.reason for result in report.results]


async def test_a_sync_check_that_hangs_costs_one_thread_not_one_a_run() -> None:
    release, began = threading.Event(), []

    @lifesign.postcondition("hangs", timeout=0.01)
    def hangs() -> None:
        began.append(threading.current_thread())
        release.wait(60)

    assert reasons(await lifesign.check_postconditions()) == ["timed out after 0.01 s"]
    assert reasons(await lifesign.check_postconditions()) == [CUT]
    (result,) = (await lifesign.check_postconditions()).results
    assert (result.reason, result.error) == (CUT, "TimeoutError")
    assert len(began) == 1
    release.set()
    began[0].join(60)
    await lifesign.check_postconditions()
    assert len(began) == 2  # it is run again once it came back


async def test_a_coroutine_that_will_not_be_cancelled_is_not_run_beside_itself() -> None:
    release = asyncio.Event()
    began = ended = 0

    @lifesign.postcondition("stubborn", timeout=0.01)
    async def stubborn() -> None:
        nonlocal began, ended
        began += 1
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended += 1
        raise OSError("too late for anybody")

    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    await lifesign.check_postconditions()
    assert reasons(await lifesign.check_postconditions()) == [CUT]
    assert began == 1
    release.set()
    while not ended:
        await asyncio.sleep(0)
    assert reasons(await lifesign.check_postconditions()) == ["OSError: too late for anybody"]
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []  # an exception that nobody waited for is reported nowhere


async def test_a_run_that_is_cancelled_reports_nothing_and_cancels_its_checks(started: Callable[..., Any]) -> None:
    pulse = started()
    seen: list[str] = []

    @lifesign.postcondition("waits")
    async def waits() -> None:
        seen.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cancelled")

    asking = asyncio.ensure_future(lifesign.check_postconditions())
    while not seen:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0)
    assert seen == ["began", "cancelled"]
    assert pulse.ring("postconditions") == []
    assert registry.failing() == 0


def test_the_end_of_the_loop_is_no_failure(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    began = threading.Event()

    @lifesign.postcondition("waits")
    async def waits() -> None:
        began.set()
        await asyncio.sleep(60)

    async def service() -> None:
        lifesign.start()
        while not began.is_set():  # the checks at the end of the boot are under way
            await asyncio.sleep(0.003)

    asyncio.run(service())
    assert pulse.ring("postconditions") == []
    assert "complete" not in pulse.checkpoints()


@pytest.mark.parametrize("in_thread", [True, False])
async def test_a_check_that_exits_does_not_end_the_service(in_thread: bool) -> None:
    async def leaves() -> None:
        sys.exit(3)

    lifesign.postcondition("leaves")((lambda: sys.exit(3)) if in_thread else leaves)
    lifesign.postcondition("fine")(lambda: True)
    assert reasons(await lifesign.check_postconditions()) == ["SystemExit: 3", ""]


async def test_a_reason_is_one_line() -> None:
    lifesign.postcondition("a")(lambda: (False, "first\nsecond"))
    lifesign.postcondition("b")(lambda: False)
    report = await lifesign.check_postconditions()
    assert report.diagnostic == "Post-conditions failed: a: first second | b: it does not hold"


async def test_what_many_checks_have_to_say_is_cut_until_it_fits(started: Callable[..., Any]) -> None:
    pulse = started()

    def raises() -> None:
        raise OSError("x" * 5000)

    for number in range(60):
        lifesign.postcondition(f"check {number}")(raises)
    await lifesign.check_postconditions()
    (record,) = pulse.ring("postconditions")
    assert len(record["results"]) == 60
    assert len(json.dumps(record)) <= layout.RECORD_BYTES_MAX + 8000  # spaces, which the pulse does without
    assert all(result["reason"].startswith("OSError: xxx") for result in record["results"])


async def test_the_pulse_counts_the_critical_checks_that_do_not_hold(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_EVENTS="never=60s")
    holds = False
    lifesign.postcondition("a")(lambda: holds)
    lifesign.postcondition("b")(lambda: holds)
    lifesign.postcondition("warning", critical=False)(lambda: False)

    async def counted(number: int) -> None:
        for _ in range(3000):
            if pulse.reader.vitals().watchdog.failing == number:
                return
            await asyncio.sleep(0.003)
        raise AssertionError(f"it never was {number}")

    await counted(0)
    await lifesign.check_postconditions(lambda: False)  # passed in: nobody asks again
    await counted(2)
    holds = True
    await lifesign.check_postconditions()
    await counted(0)


async def test_a_request_of_the_sidecar_runs_all_of_them(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_EVENTS="never=60s")
    lifesign.postcondition("a")(lambda: (False, "why"))
    lifesign.start()
    assert pulse.reader.request(layout.REQUEST_CHECKS) == 1
    for _ in range(3000):
        if pulse.ring("postconditions"):
            break
        await asyncio.sleep(0.003)
    (record,) = pulse.ring("postconditions")
    assert (record["request"], record["passed"]) == (1, False)
    assert record["diagnostic"] == "Post-conditions failed: a: why"


async def test_a_check_that_is_under_way_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "pause", 0.0)
    release = asyncio.Event()

    @lifesign.postcondition("slow", every=1e-9)
    async def slow() -> None:
        await release.wait()

    asking = asyncio.ensure_future(lifesign.check_postconditions())
    while not registry._under_way:
        await asyncio.sleep(0)
    assert registry.due() == ()
    release.set()
    await asking
    assert [check.name for check in registry.due()] == ["slow"]


async def test_an_agent_that_was_stopped_meanwhile_is_no_failure(started: Callable[..., Any]) -> None:
    started()
    release = asyncio.Event()

    @lifesign.postcondition("waits")
    async def waits() -> None:
        await release.wait()

    asking = asyncio.ensure_future(lifesign.check_postconditions())
    while not registry._under_way:
        await asyncio.sleep(0)
    lifecycle.stop()
    release.set()
    assert (await asking).passed
