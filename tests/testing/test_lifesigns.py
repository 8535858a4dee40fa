"""What a block makes lifesign record is shown, and what is missed is said with what came instead."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

import lifesign
from lifesign.agent.checks.registry import Registry, registry
from lifesign.testing import LifeSigns, observe
from lifesign.testing.run import AgentRun, remove_ended


def says(words: str) -> pytest.RaisesExc[AssertionError]:
    return pytest.raises(AssertionError, match=words)


def test_events_and_checkpoints() -> None:
    with observe(stall_threshold=0) as seen:
        lifesign.event("order")
        lifesign.event("order")
        with lifesign.synthetic():
            lifesign.event("tick")
        lifesign.checkpoint("config loaded")
        with pytest.raises(ValueError, match="down"), lifesign.checkpoint("broker connected"):
            raise ValueError("down")
    # All of it can be read when the block is over.
    assert (seen.events, seen.synthetic_events) == ({"order": 2}, {"tick": 1})
    seen.assert_event("order")
    seen.assert_event("order", times=2)
    seen.assert_no_event("tick")
    seen.assert_checkpoints("config loaded")
    came = r"\n  events: order 2, tick 0 \(and 1 synthetic\)"
    with says(f"the event 'order' was to come once, and came twice{came}"):
        seen.assert_event("order", times=1)
    with says(f"the event 'refund' was to come 3 times, and did not{came}"):
        seen.assert_event("refund", times=3)
    with says(f"the event 'refund' was to come, and did not{came}"):
        seen.assert_event("refund")
    with says(f"no event 'order' was to come, and it came twice{came}"):
        seen.assert_no_event("order")
    came = r"\n  checkpoints: config loaded, broker connected \(ValueError: down\)"
    with says(f"the checkpoint 'broker connected' failed: ValueError: down{came}"):
        seen.assert_checkpoints("config loaded", "broker connected")
    with says(f"the checkpoint 'config loaded' was to be reached, at this place of the order, and was not{came}"):
        seen.assert_checkpoints("config loaded", "config loaded")
    with says(f"the checkpoint 'rules loaded' was to be reached, and was not{came}"):
        seen.assert_checkpoints("rules loaded")


async def test_postconditions_of_a_block_are_gone_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "__dict__", vars(Registry()))  # other tests import services that have some
    with observe(stall_threshold=0) as seen:
        lifesign.postcondition("connected")(lambda: True)
        lifesign.postcondition("warm")(lambda: (False, "it is empty"))
        with says("the post-condition 'warm' has not run\n  post-conditions: none"):
            seen.assert_postcondition("warm")
        await lifesign.check_postconditions()
    seen.assert_postcondition("connected")
    seen.assert_postcondition("warm", holds=False, because="empty")
    came = "\n  post-conditions: connected holds, warm does not hold: it is empty"
    with says(f"the post-condition 'warm' does not hold: it is empty{came}"):
        seen.assert_postcondition("warm")
    with says(f"the post-condition 'warm' does not hold: it is empty, and not because of 'down'{came}"):
        seen.assert_postcondition("warm", holds=False, because="down")
    assert (await lifesign.check_postconditions()).results == ()


async def test_a_dump_and_a_stall() -> None:
    async def consume(queue: asyncio.Queue[None]) -> None:
        await queue.get()

    with observe(stall_threshold=0.01) as seen:
        task = asyncio.create_task(consume(asyncio.Queue()))
        asyncio.get_running_loop().call_later(0.01, lifesign.event, "order")
        await seen.event("order")
        dump = await seen.dump()
        dump.assert_task("consume", waits_for="Queue", count=1)
        with says(r"a task in consume that waits for Lock was expected, and 0 found\n\d task"):
            dump.assert_task("consume", waits_for="Lock")
        with says("no event 'refund' came within 0 s\n  events: order 1"):
            await seen.event("refund", timeout=0)
        assert seen.beats > 0
        time.sleep(0.1)
        with says(r"event loops were blocked\n(?:  .*\n)*  test_a_dump_and_a_stall"):  # the machine may have, too
            seen.assert_no_stall()
        task.cancel()
        unawaited = consume(asyncio.Queue())
        with pytest.warns(RuntimeWarning, match="never awaited"):
            del unawaited
    assert any("was never awaited" in one for one in seen.complaints)
    assert [one.reason for one in seen.dumps] == ["call"]


def test_the_agent_that_ran_before_runs_on_and_nothing_is_left() -> None:
    outer = AgentRun(stall_seconds=0)
    try:
        with observe(stall_threshold=0) as inner:
            lifesign.event("order")
            folder = inner._agent.directory
        assert not os.path.exists(folder)
        lifesign.event("refund")
        assert (inner.events, outer.signs.events) == ({"order": 1}, {"refund": 1})
        assert isinstance(outer.signs, LifeSigns)
    finally:
        outer.end()
        outer.close()
        remove_ended(wait=True)
    assert not os.path.exists(outer.agent.directory)
