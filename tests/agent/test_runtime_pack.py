"""What users of the older runtime pack relied on, row by row; its dry run has a module of its own.

The pack had five modules: smoke test, heartbeat, async debug, post-conditions, dry run. Each behaviour is here once
by its name, small; the modules beside this one test the same things in depth.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle
from lifesign.cli.gate.verdict import Seen, judge
from support.made.seen import snapshot
from support.waiting import until

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}


def checkpoints(pulse: Any) -> list[tuple[str, int]]:
    return [(one["name"], one["number"]) for one in pulse.boot() if one["kind"] == "checkpoint"]


def outcome(pulse: Any) -> str:
    return next((one["outcome"] for one in pulse.boot() if one["kind"] == "boot_ended"), "")


def verdict(process: dict[str, Any], **changes: Any) -> tuple[str, int]:
    reported = judge(Seen([snapshot(**process)], None, None, 1.0, 8.0, by_event=True)._replace(**changes))
    assert reported is not None
    return reported.verdict, reported.exit_code


# --- smoke test ------------------------------------------------------------------------------------


async def test_smoke_logs_its_checkpoints_when_the_event_comes(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_UNTIL="event", BOOT_TIMEOUT_S="36000")
    lifesign.start()
    await until(lambda: ("waiting for first event", 4) in checkpoints(pulse))
    lifesign.event("order")
    await until(lambda: outcome(pulse) == "complete")
    assert checkpoints(pulse) == [
        ("started", 1), ("timeout configured", 2), ("booting", 3), ("waiting for first event", 4),
        ("first event received", 5), ("post-conditions", 7), ("complete", 8),
    ]  # fmt: skip


async def test_smoke_logs_its_checkpoints_when_no_event_comes(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_UNTIL="event", LIFESIGN_BOOT_TIMEOUT="0.01")
    lifesign.start()
    await until(lambda: outcome(pulse) == "timed_out")
    assert ("timed out", 6) in checkpoints(pulse)
    assert not {"first event received", "complete"} & {name for name, _ in checkpoints(pulse)}


def test_smoke_takes_its_timeout_from_the_environment(started: Callable[..., Any]) -> None:
    assert json.loads(started(BOOT_TIMEOUT_S="12.5").reader.identity())["boot_timeout"] == 12.5


def test_smoke_waits_8_seconds_by_default(started: Callable[..., Any]) -> None:
    assert json.loads(started().reader.identity())["boot_timeout"] == 8.0


@pytest.mark.parametrize(
    ("process", "changes", "expected"),
    [
        ({"boot": "complete"}, {}, ("alive", 0)),
        ({"state": "dead", "alive": False}, {}, ("failed", 1)),
        ({"boot": "failed"}, {}, ("failed", 1)),
        ({"boot": "timed_out"}, {}, ("stalled", 2)),
        # A wait that was cancelled counted as an arrival there: at least it is no stall.
        ({"state": "stopped", "alive": False}, {"code": -2, "asked": signal.SIGINT}, ("interrupted", 130)),
    ],
    ids=["success", "exception", "failed post-condition after an event", "stalled", "cancelled"],
)
def test_smoke_exits_with(process: dict[str, Any], changes: dict[str, Any], expected: tuple[str, int]) -> None:
    assert verdict(process, **changes) == expected


# --- heartbeat -------------------------------------------------------------------------------------


async def test_heartbeat_has_count_uptime_and_time(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    lifesign.start()
    await until(lambda: pulse.reader.vitals().loops[0] and pulse.reader.vitals().loops[0].beats >= 3)
    first = pulse.reader.vitals().loops[0]
    await until(lambda: pulse.reader.vitals().loops[0].beats > first.beats)
    second = pulse.reader.vitals().loops[0]
    assert second.mono_ns > first.mono_ns > json.loads(pulse.reader.identity())["started_mono_ns"]
    assert second.wall_ns > first.wall_ns


def test_heartbeat_started_twice_warns(started: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    started()
    assert lifesign.start() is True
    assert lifesign.start() is True
    assert "start() was called, but the agent runs already" in caplog.text


def test_heartbeat_stopped_twice_warns(started: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    started()
    lifesign.stop()
    lifesign.stop()
    assert "stop() was called, but no agent runs" in caplog.text


def test_heartbeat_cancelled_leaves_its_totals(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    async def main() -> None:
        lifesign.start()
        lifesign.event("order")
        await until(lambda: sum(lifecycle.peek().slots.beats) >= 2)  # type: ignore[union-attr]
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    lifesign.stop()
    tombstone = json.loads(pulse.reader.tombstone())
    assert tombstone["events"] == 1
    assert tombstone["beats"] >= 2


def test_heartbeat_is_one_a_process(started: Callable[..., Any]) -> None:
    started()
    agent = lifecycle.running()
    assert lifesign.start()
    assert lifecycle.running() is lifecycle.peek() is agent


# --- async debug -----------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["1", ""])
async def test_async_debug_is_on_when_asked_for_only(on: str, started: Callable[..., Any]) -> None:
    loop = asyncio.get_running_loop()
    logger = logging.getLogger("asyncio")
    level = logger.level
    logger.setLevel(logging.WARNING)
    pulse = started(**FAST, ASYNC_DEBUG=on, LIFESIGN_DUMP_INTERVAL="0.01")
    try:
        lifesign.start()
        assert loop.get_debug() is bool(on)
        assert (logger.level == logging.DEBUG) is bool(on)
        if on:
            await until(lambda: pulse.ring("task_dump"))
            assert pulse.ring("task_dump")[0]["reason"] == "periodic"
    finally:
        loop.set_debug(False)
        logger.setLevel(level)


async def test_async_debug_tells_of_each_task_and_how_it_ended(started: Callable[..., Any]) -> None:
    pulse = started(**FAST, LIFESIGN_TASK_ORIGIN="1")
    lifesign.start()

    async def fails() -> None:
        raise ValueError("no such rule")

    async def waits() -> None:
        await asyncio.sleep(60)

    tasks = [asyncio.create_task(fails()), asyncio.create_task(waits()), asyncio.create_task(waits(), name="order-7")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    lifesign.dump_tasks()
    await until(lambda: pulse.ring("task_dump"))
    [dump] = pulse.ring("task_dump")
    waiting = next(group for group in pulse.ring("task_group") if "order-7" in group["names"])
    assert waiting["states"] == {"waiting": 1}
    assert [frame["function"].rpartition(".")[2] for frame in waiting["stack"]] == ["waits", "sleep"]
    ended = {one["function"].rpartition(".")[2]: (one["outcome"], one["message"]) for one in dump["finished"]}
    assert ended["fails"] == ("raised ValueError", "no such rule")
    assert ended["waits"] == ("cancelled", "")
    assert dump["tasks"] >= 1
    assert dump["end"] >= dump["start"]
    tasks[2].cancel()


# --- post-conditions -------------------------------------------------------------------------------


async def test_postconditions_all_run_and_their_failures_are_joined() -> None:
    async def connected() -> bool:
        return True

    def subscribed() -> tuple[bool, str]:
        return False, "missing: trades, orders"

    async def rules() -> None:
        raise LookupError("no active rule")

    report = await lifesign.check_postconditions(connected, subscribed, rules)
    assert not report.passed
    assert report.diagnostic == (
        "Post-conditions failed: subscribed: missing: trades, orders | rules: LookupError: no active rule"
    )
    assert [result.passed for result in report.results] == [True, False, False]
    assert report.results[2].error == "LookupError"
    with pytest.raises(lifesign.PostconditionError, match=r"subscribed: missing: trades, orders \| rules"):
        await lifesign.assert_postconditions(connected, subscribed, rules)


async def test_postconditions_that_hold_are_counted() -> None:
    def holds() -> None:
        pass

    report = await lifesign.check_postconditions(holds, holds)
    assert (report.passed, report.diagnostic) == (True, "all passed (2 checks)")
    await lifesign.assert_postconditions(holds)
