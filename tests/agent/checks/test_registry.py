"""Post-conditions: every check runs, and each has its own verdict."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent.checks.registry import registry


async def test_all_that_hold_pass() -> None:
    @lifesign.postcondition("none")
    async def none() -> None:
        return None

    @lifesign.postcondition("true")
    def true() -> bool:
        return True

    report = await lifesign.check_postconditions()
    assert report.passed
    assert report.diagnostic == "all passed (2 checks)"
    assert [result.name for result in report.results] == ["none", "true"]


async def test_each_way_to_fail_has_its_reason_and_none_hides_another() -> None:
    @lifesign.postcondition("false")
    def false() -> bool:
        return False

    @lifesign.postcondition("why")
    async def why() -> tuple[bool, str]:
        return False, "no subscription for trades, quotes"

    @lifesign.postcondition("raises")
    async def raises() -> None:
        raise ConnectionError("refused")

    @lifesign.postcondition("slow", timeout=0.02)
    async def slow() -> None:
        await asyncio.sleep(60)

    @lifesign.postcondition("good")
    async def good() -> None:
        return None

    report = await lifesign.check_postconditions()
    assert not report.passed
    assert report.diagnostic == (
        "Post-conditions failed: false: it does not hold | why: no subscription for trades, quotes"
        " | raises: ConnectionError: refused | slow: timed out after 0.02 s"
    )
    assert [result.error for result in report.results] == ["", "", "ConnectionError", "TimeoutError", ""]


async def test_a_check_that_blocks_does_not_block_the_loop() -> None:
    release = threading.Event()
    in_thread: list[str] = []

    @lifesign.postcondition("blocks")
    def blocks() -> bool:
        in_thread.append(threading.current_thread().name)
        return release.wait(60)

    asking = asyncio.ensure_future(lifesign.check_postconditions())
    for _ in range(10):  # the loop turns meanwhile
        await asyncio.sleep(0.001)
    release.set()
    assert (await asking).passed
    assert in_thread == ["lifesign-check-blocks"]


async def test_a_check_that_ignores_its_cancellation_is_left_behind() -> None:
    release = asyncio.Event()
    ended: list[bool] = []

    @lifesign.postcondition("stubborn", timeout=0.02)
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await release.wait()
        ended.append(True)

    report = await asyncio.wait_for(lifesign.check_postconditions(), 10)
    assert not report.passed
    assert ended == []
    release.set()
    while not ended:
        await asyncio.sleep(0)


async def test_a_check_that_is_cancelled_in_the_middle_is_no_failure(started: Callable[..., Any]) -> None:
    pulse = started()

    @lifesign.postcondition("pool answers")
    async def pool() -> None:
        raise asyncio.CancelledError  # as from a pool of connections that the service shuts down

    lifesign.postcondition("fine")(lambda: True)
    report = await lifesign.check_postconditions()
    assert report.passed
    assert report.diagnostic == "all passed (1 check); cancelled: pool answers"
    assert report.results[0] == ("pool answers", False, "cancelled", "", True)
    (record,) = pulse.ring("postconditions")
    assert [result["name"] for result in record["results"]] == ["fine"]
    assert registry.failing() == 0


async def test_a_warning_does_not_fail_the_report_and_is_said() -> None:
    @lifesign.postcondition("cache warm", critical=False)
    def cache() -> bool:
        return False

    lifesign.postcondition("fine")(lambda: True)
    report = await lifesign.check_postconditions()
    assert report.passed
    assert report.diagnostic == "passed, with warnings: cache warm: it does not hold"
    assert [(result.passed, result.critical) for result in report.results] == [(False, False), (True, True)]


async def test_checks_may_be_passed_in_and_plain_functions_may_hand_back_awaitables() -> None:
    async def connected(name: str) -> tuple[bool, str]:
        return False, f"{name} is away"

    def by_lambda() -> Any:
        return connected("redis")

    report = await lifesign.check_postconditions(by_lambda, functools.partial(connected, "db"))
    assert report.diagnostic == "Post-conditions failed: by_lambda: redis is away | check: db is away"


async def test_stop_iteration_from_a_plain_function_is_a_failure_like_any_other() -> None:
    @lifesign.postcondition("empty")
    def empty() -> None:
        next(iter(()))

    report = await lifesign.check_postconditions()
    assert report.results[0].reason == "StopIteration: "


async def test_the_asserting_variant_raises_the_diagnostic() -> None:
    await lifesign.assert_postconditions()

    @lifesign.postcondition("rules loaded")
    def rules() -> tuple[bool, str]:
        return False, "0 of 12"

    with pytest.raises(lifesign.PostconditionError) as raised:
        await lifesign.assert_postconditions()
    assert str(raised.value) == raised.value.diagnostic == "Post-conditions failed: rules loaded: 0 of 12"


async def test_a_report_is_one_record_with_a_result_each(started: Callable[..., Any]) -> None:
    pulse = started()

    @lifesign.postcondition("db")
    async def db() -> None:
        raise OSError("gone")

    with lifesign.synthetic():
        await lifesign.check_postconditions()
    (record,) = pulse.ring("postconditions")
    assert (record["passed"], record["synthetic"]) == (False, True)
    assert (len(record["trace"]), len(record["id"])) == (32, 16)
    (result,) = record["results"]
    assert (result["name"], result["passed"], result["reason"]) == ("db", False, "OSError: gone")
    assert result["error"]["type"] == "OSError"
    assert "in db" in result["error"]["stack"]
    assert record["start"] <= result["start"] <= result["end"] <= record["end"]


async def test_checks_with_a_period_run_by_themselves_once_the_boot_is_over(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    runs: list[float] = []

    @lifesign.postcondition("periodic", every=0.001)
    async def periodic() -> None:
        runs.append(time.monotonic())

    @lifesign.postcondition("once")
    async def once() -> None:
        return None

    lifesign.start()
    for _ in range(300):
        if len(runs) >= 3:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    reports = [[result["name"] for result in record["results"]] for record in pulse.ring("postconditions")]
    assert reports[0] == ["periodic", "once"]  # at the end of the boot
    assert reports[1] == ["periodic"]


def test_registering_again_takes_the_place_of_the_first() -> None:
    lifesign.postcondition("same")(lambda: False)
    lifesign.postcondition("same")(lambda: True)
    assert len(registry.registered()) == 1
    assert asyncio.run(lifesign.check_postconditions()).passed


class Elsewhere(BaseException):
    """As func_timeout, pytest and trio have: no Exception."""


async def raises_elsewhere() -> None:
    raise Elsewhere("too late")


def raises_it() -> None:
    raise Elsewhere("too late")


def interrupts() -> None:
    raise KeyboardInterrupt("mine")


class Unreadable:
    """Nothing of it can be read."""

    def __str__(self) -> str:
        raise KeyError("str")

    def __bool__(self) -> bool:
        raise ValueError("bool")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (raises_elsewhere, f"{__name__}.Elsewhere: too late"),
        (raises_it, f"{__name__}.Elsewhere: too late"),
        (interrupts, "KeyboardInterrupt: mine"),
        (Unreadable, "ValueError: bool"),
        (lambda: (False, Unreadable()), "KeyError: 'str'"),
        (5, "TypeError: 'int' object is not callable"),
    ],
)
async def test_whatever_a_check_raises_is_its_own_failure(check: Any, reason: str) -> None:
    lifesign.postcondition("odd")(check)
    lifesign.postcondition("fine")(lambda: True)
    report = await lifesign.check_postconditions()
    assert [(result.passed, result.reason) for result in report.results] == [(False, reason), (True, "")]


async def test_a_sync_check_whose_wait_was_cancelled_says_nothing() -> None:
    def waits() -> None:
        raise asyncio.CancelledError

    lifesign.postcondition("waits")(waits)
    report = await lifesign.check_postconditions()
    assert (report.passed, report.results[0].reason) == (True, "cancelled")


async def test_a_check_that_failed_is_run_again_alone_until_it_holds(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    present, late = tmp_path / "present", tmp_path / "late"
    present.touch()
    runs: list[str] = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: runs.append(str(path)) or stat(path, **options))
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_CHECKS=f"present=file:{present},late=file:{late}")
    monkeypatch.setattr(registry, "pause", 0.01)
    lifesign.start()
    while runs.count(str(late)) < 3:
        await asyncio.sleep(0.003)
    assert runs.count(str(present)) == 1
    late.touch()
    while "complete" not in pulse.checkpoints():
        await asyncio.sleep(0.003)
    (record,) = pulse.ring("postconditions")
    assert [(result["name"], result["passed"]) for result in record["results"]] == [("present", True), ("late", True)]


async def test_what_was_said_a_moment_ago_is_said_again_without_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[float] = []
    lifesign.postcondition("counted")(lambda: runs.append(0.0))
    monkeypatch.setattr(registry, "pause", 60.0)
    await lifesign.check_postconditions()
    first = await registry.run(registry.registered(), None, again=False)
    assert (first.passed, len(runs)) == (True, 1)
    monkeypatch.setattr(registry, "pause", 0.0)
    await registry.run(registry.registered(), None, again=False)
    assert len(runs) == 2
