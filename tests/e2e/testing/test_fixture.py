"""The fixture shows what the test has made lifesign record, and its assertions say what came instead."""

from __future__ import annotations

from pathlib import Path

from support.suites.pytest_run import run_pytest

SOURCE = """
import asyncio
import os
import time

import pytest

import lifesign
from lifesign.testing import LifeSigns, observe

folders = []


@pytest.fixture
async def desk(lifesigns):
    lifesign.checkpoint("config loaded")
    with lifesign.checkpoint("broker connected"):
        await asyncio.sleep(0.1)


async def test_all_that_holds(desk, lifesigns: LifeSigns):
    lifesign.event("order")
    lifesign.event("order")
    with lifesign.synthetic():
        lifesign.event("order")

    @lifesign.postcondition("database connected")
    async def connected():
        return True

    @lifesign.postcondition("cache warm")
    def warm():
        return False, "it is empty"

    await lifesign.check_postconditions()
    lifesigns.assert_checkpoints("config loaded", "broker connected")
    assert lifesigns.checkpoints[1].seconds >= 0.1
    lifesigns.assert_event("order", times=2)
    assert lifesigns.synthetic_events == {"order": 1}
    lifesigns.assert_no_event("refund")
    lifesigns.assert_postcondition("database connected")
    lifesigns.assert_postcondition("cache warm", holds=False, because="empty")
    lifesigns.assert_no_stall()
    assert lifesigns.beats > 0
    folders.append(lifesigns._agent.directory)


async def test_the_next_one_begins_anew(lifesigns):
    assert (lifesigns.events, lifesigns.checkpoints, lifesigns.postconditions) == ({}, [], {})
    report = await lifesign.check_postconditions()
    assert report.results == ()


async def consume(queue):
    await queue.get()


async def test_a_dump(lifesigns):
    task = asyncio.create_task(consume(asyncio.Queue()))
    await asyncio.sleep(0)
    dump = await lifesigns.dump()
    dump.assert_task("consume", waits_for="Queue", count=1)
    with pytest.raises(AssertionError, match=r"2 tasks in consume was expected, and 1 found") as raised:
        dump.assert_task("consume", count=2)
    assert "consume waits (test_shop.py:" in str(raised.value)
    task.cancel()


async def test_it_waits_for_an_event(lifesigns):
    asyncio.get_running_loop().call_later(0.1, lifesign.event, "order")
    await lifesigns.event("order")
    with pytest.raises(AssertionError, match=r"no event 'refund' came within 0.1 s\\n  events: order 1"):
        await lifesigns.event("refund", timeout=0.1)


async def test_a_stall_that_has_just_ended(lifesigns):
    time.sleep(0.3)
    with pytest.raises(AssertionError, match=r"test_a_stall_that_has_just_ended \\(test_shop.py:\\d+\\) waits"):
        lifesigns.assert_no_stall()
    await asyncio.sleep(0.1)
    assert len(lifesigns.stalls) == 1 and " once," in lifesigns.stalls[0]  # it was counted once


async def test_times(lifesigns):
    for _ in range(3):
        lifesign.event("order")
    lifesigns.assert_event("order", times=1)


async def test_order_of_checkpoints(desk, lifesigns):
    lifesigns.assert_checkpoints("broker connected", "config loaded")


async def test_in_a_block():
    with observe() as lifesigns:
        lifesign.event("order")
        folder = lifesigns._agent.directory
        assert os.path.isdir(folder)
    lifesigns.assert_event("order", times=1)  # also when it is over
    assert not os.path.exists(folder)
    lifesign.event("order")  # nobody counts it
    assert lifesigns.events == {"order": 1}


def test_nothing_is_left():
    assert folders and not os.path.exists(folders[0])
    assert lifesign.start() is False  # no agent runs, and none is asked for
"""


def test_what_it_shows_and_says(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, SOURCE, "-p", "no:anyio", "-o", "asyncio_mode=auto")
    failing = {"test_times", "test_order_of_checkpoints"}
    assert {name for name, became in run.tests.items() if became.outcome != "passed"} == failing, run.output
    assert "the event 'order' was to come once, and came 3 times\n  events: order 3" in run.tests["test_times"].text, (
        run.output
    )
    said = "the checkpoint 'config loaded' was to be reached, at this place of the order, and was not"
    assert said in run.tests["test_order_of_checkpoints"].text
    assert "lifesigns.py" not in run.tests["test_times"].text  # the line of the test is what is shown
