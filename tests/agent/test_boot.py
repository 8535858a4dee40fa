"""The boot, checkpoint by checkpoint, as the agent writes it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import boot
from support.waiting import eventually

BUILT_IN = [
    "started",
    "timeout configured",
    "booting",
    "waiting for first event",
    "first event received",
    "timed out",
    "post-conditions",
    "complete",
]


def by_name(pulse: Any) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in pulse.boot() if record["kind"] == "checkpoint"}


def ended(pulse: Any) -> dict[str, Any] | None:
    return next((record for record in pulse.boot() if record["kind"] == "boot_ended"), None)


async def until_ended(pulse: Any) -> dict[str, Any]:
    for _ in range(1000):
        found = ended(pulse)
        if found is not None:
            return found
        await asyncio.sleep(0.003)
    raise AssertionError("the boot never ended")


async def until_it_waits(pulse: Any) -> None:
    while "waiting for first event" not in pulse.checkpoints():
        await asyncio.sleep(0.003)
    await asyncio.sleep(0.006)  # and does not go on


async def test_a_program_that_promises_nothing_has_booted_when_its_loop_beats(
    started: Callable[..., Any],
) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    outcome = await until_ended(pulse)
    assert (outcome["outcome"], outcome["diagnostic"]) == ("complete", "")
    assert pulse.checkpoints() == ["started", "timeout configured", "booting", "post-conditions", "complete"]


async def test_a_promised_event_is_waited_for(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_EVENTS="order=30s")
    lifesign.start()
    await until_it_waits(pulse)
    assert ended(pulse) is None
    assert pulse.checkpoints()[-1] == "waiting for first event"
    lifesign.event("order")
    assert (await until_ended(pulse))["outcome"] == "complete"
    assert pulse.checkpoints()[3:] == [
        "waiting for first event",
        "first event received",
        "post-conditions",
        "complete",
    ]
    numbers = [record["number"] for record in by_name(pulse).values()]
    assert numbers == [1, 2, 3, 4, 5, 7, 8]
    assert {record["total"] for record in by_name(pulse).values()} == {8}


def test_a_boot_without_its_first_event_times_out(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_EVENTS="order=30s", BOOT_TIMEOUT_S="60")

    async def main() -> None:
        lifesign.start()
        await until_it_waits(pulse)
        clock.set_ahead(60)

    asyncio.run(main())
    outcome = eventually(lambda: ended(pulse))
    assert outcome["outcome"] == "timed_out"
    assert outcome["diagnostic"] == "timed out after 60 s waiting for the first event"
    failed = by_name(pulse)["timed out"]
    assert failed["number"] == 6
    assert failed["error"]["type"] == "TimeoutError"
    # A stalled boot is looked at while it stalls.
    assert eventually(lambda: pulse.ring("task_dump"))[0]["reason"] == "boot timeout"


def test_a_loop_that_never_comes_is_said_too(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", BOOT_TIMEOUT_S="0.02")
    assert "waiting for the event loop to beat" in eventually(lambda: ended(pulse))["diagnostic"]


def test_a_boot_that_is_over_as_its_time_is_up_has_no_task_dump(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_BOOT_TIMEOUT="0.05")
    lifesign.postcondition("database connected")(lambda: True)
    asyncio.run(asyncio.sleep(0))  # all that a synchronous server may ever have of a loop
    assert eventually(lambda: ended(pulse))["outcome"] == "complete"
    beats = pulse.reader.vitals().watchdog.beats
    eventually(lambda: pulse.reader.vitals().watchdog.beats > beats + 3)
    assert not list(pulse.ring("task_dump"))


async def test_failing_postconditions_fail_the_boot(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")

    @lifesign.postcondition("database connected")
    async def database() -> tuple[bool, str]:
        return False, "refused"

    lifesign.start()
    outcome = await until_ended(pulse)
    assert outcome["outcome"] == "failed"
    assert outcome["diagnostic"] == "Post-conditions failed: database connected: refused"
    checkpoints = by_name(pulse)
    assert checkpoints["post-conditions"]["error"]["message"] == outcome["diagnostic"]
    assert "complete" not in checkpoints  # it was not: one failure is one record


async def test_a_mark_runs_from_the_mark_before(started: Callable[..., Any]) -> None:
    pulse = started()
    lifesign.checkpoint("config loaded")
    await asyncio.sleep(0.02)
    lifesign.checkpoint("rules loaded")
    config, rules = by_name(pulse)["config loaded"], by_name(pulse)["rules loaded"]
    assert rules["start"] == config["end"]
    assert rules["end"] - rules["start"] >= 20_000_000
    assert (rules["number"], rules["error"]) == (None, None)


async def test_a_timed_block_starts_and_ends_with_one_id(started: Callable[..., Any]) -> None:
    pulse = started()
    async with lifesign.checkpoint("broker connected"):
        under_way = pulse.boot()[-1]
        await asyncio.sleep(0.02)
    done = pulse.boot()[-1]
    assert under_way["end"] is None
    assert (done["id"], done["start"]) == (under_way["id"], under_way["start"])
    assert done["end"] - done["start"] >= 20_000_000


def test_a_failing_block_tells_and_passes_the_exception_on(started: Callable[..., Any]) -> None:
    pulse = started()
    with pytest.raises(KeyError), lifesign.checkpoint("rules loaded"):
        raise KeyError("secret")
    error = pulse.boot()[-1]["error"]
    assert error["type"] == "KeyError"
    assert "test_boot.py" in error["stack"]


def test_a_block_that_is_left_without_being_entered_stays_a_mark(started: Callable[..., Any]) -> None:
    pulse = started()
    with contextlib.ExitStack() as stack:
        stack.push(lifesign.checkpoint("rules loaded"))
        mark = pulse.boot()[-1]
    assert pulse.boot()[-1] == mark
    assert mark["end"] is not None


async def test_an_open_block_holds_the_boot(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    with lifesign.checkpoint("warm-up"):
        await asyncio.sleep(0.01)
        assert ended(pulse) is None
    assert (await until_ended(pulse))["outcome"] == "complete"


def test_a_boot_that_hangs_in_a_block_names_it(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", BOOT_TIMEOUT_S="60")
    with lifesign.checkpoint("broker connected"):
        clock.set_ahead(60)
        outcome = eventually(lambda: ended(pulse))
    assert outcome["diagnostic"] == "timed out after 60 s in checkpoint 'broker connected'"


async def test_a_clock_that_is_set_back_makes_no_span_end_before_it_starts(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = started()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 10**12)
    lifesign.checkpoint("after the jump")
    mark = pulse.boot()[-1]
    assert mark["start"] <= mark["end"] == now - 10**12


def test_without_a_sidecar_a_checkpoint_is_nothing(tmp_path: Path) -> None:
    with lifesign.checkpoint("anything"):
        pass
    assert list(tmp_path.iterdir()) == []


async def test_an_event_may_be_promised_in_code(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    lifesign.start()
    lifesign.promise("order", within=30)
    await asyncio.sleep(0.01)
    assert ended(pulse) is None
    lifesign.event("order")
    assert (await until_ended(pulse))["outcome"] == "complete"
    [order] = pulse.reader.vitals().events
    assert (order.name, order.deadline_ns) == ("order", 30_000_000_000)


@pytest.mark.parametrize("within", [0, -1, float("nan")])
def test_a_promise_that_makes_no_sense_is_said(
    within: float, started: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    pulse = started()
    lifesign.promise("order", within=within)
    assert pulse.reader.vitals().events == ()
    assert "within is seconds above 0" in caplog.text


def test_without_an_agent_there_is_no_trace_of_a_boot() -> None:
    assert lifesign.boot_trace_id() == ""


def test_the_trace_of_the_boot_is_the_one_in_the_pulse(started: Callable[..., Any]) -> None:
    pulse = started(TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert lifesign.boot_trace_id() == "0af7651916cd43dd8448eb211c80319c"
    assert json.loads(pulse.reader.identity())["trace"] == lifesign.boot_trace_id()


async def test_expected_checkpoints_are_numbered_and_waited_for(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_CHECKPOINTS="config loaded, broker connected")
    lifesign.start()
    lifesign.checkpoint("extra")
    lifesign.checkpoint("config loaded")
    await asyncio.sleep(0.01)
    assert ended(pulse) is None
    async with lifesign.checkpoint("broker connected"):
        await asyncio.sleep(0.01)
        assert ended(pulse) is None
    assert (await until_ended(pulse))["outcome"] == "complete"
    assert pulse.boot()[0] == {"kind": "boot_expects", "names": ["config loaded", "broker connected"]}
    numbered = {name: (one["number"], one["total"]) for name, one in by_name(pulse).items() if name not in BUILT_IN}
    assert numbered == {"extra": (None, None), "config loaded": (1, 2), "broker connected": (2, 2)}


def test_missing_checkpoints_are_named(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_CHECKPOINTS="a,b,c", BOOT_TIMEOUT_S="60")

    async def main() -> None:
        lifesign.start()
        lifesign.checkpoint("b")
        with contextlib.suppress(ValueError), lifesign.checkpoint("c"):
            raise ValueError("no")
        await asyncio.sleep(0.01)
        clock.set_ahead(60)

    asyncio.run(main())
    outcome = eventually(lambda: ended(pulse))
    why = "timed out after 60 s waiting for the expected checkpoints; missing checkpoints: a, c"
    assert (outcome["outcome"], outcome["diagnostic"]) == ("timed_out", why)


async def test_a_proof_of_life_is_wanted_though_no_event_is_promised(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_UNTIL="event", BOOT_TIMEOUT_S="36000")
    lifesign.start()
    await until_it_waits(pulse)
    assert ended(pulse) is None
    assert pulse.checkpoints()[-1] == "waiting for first event"
    lifesign.event()
    assert (await until_ended(pulse))["outcome"] == "complete"


async def test_a_boot_gives_ready_made_checks_time(started: Callable[..., Any], tmp_path: Path) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_CHECKS=f"file:{tmp_path}/later", BOOT_TIMEOUT_S="60")
    lifesign.start()
    await asyncio.sleep(0.01)
    assert ended(pulse) is None
    (tmp_path / "later").touch()
    assert (await until_ended(pulse))["outcome"] == "complete"
    assert [report["passed"] for report in pulse.ring("postconditions")] == [True]


async def test_a_ready_made_check_that_never_holds_fails_the_boot(
    started: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    monkeypatch.setattr(boot, "_LAST_RUN", 15.0)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_CHECKS=f"file:{tmp_path}/never", BOOT_TIMEOUT_S="60")
    clock.set_ahead(60 - 15.03)  # 30 ms for the check, the rest for the last run
    lifesign.start()
    outcome = await until_ended(pulse)
    assert outcome["outcome"] == "failed"
    assert "never" in outcome["diagnostic"]
