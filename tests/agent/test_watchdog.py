"""How often the watchdog's thread beats: seldom while the loops turn, as often as they do while one does not."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.watchdog import pauses
from support.waiting import eventually


@pytest.mark.parametrize(
    ("timeout", "seldom"), [("3", 0.05), ("0.12", 0.02), ("0.02", 0.01)], ids=["plain", "part of", "no oftener"]
)
def test_it_beats_seldom_while_the_loops_turn(timeout: str, seldom: float, started: Callable[..., Any]) -> None:
    started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_HEARTBEAT_TIMEOUT=timeout)
    agent = lifecycle.running()
    assert agent is not None
    thread = agent.watchdog.thread
    assert thread.interval == 0.01  # it boots

    async def main() -> None:
        while thread.interval != pytest.approx(seldom):
            await asyncio.sleep(0.01)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("interval", "timeout", "expected"),
    [(0.1, 3.0, (0.5, 1.0)), (0.01, 0.3, (0.05, 0.1)), (1.0, 60.0, (5.0, 5.0)), (0.15, 60.0, (0.75, 1.0))],
)
def test_at_rest_nobody_waits_much_longer_for_an_answer(
    interval: float, timeout: float, expected: tuple[float, float]
) -> None:
    assert pauses(interval, timeout) == pytest.approx(expected)


def test_it_beats_often_while_a_loop_does_not_turn(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.01", LIFESIGN_HEARTBEAT_TIMEOUT="0.09")
    agent = lifecycle.running()
    assert agent is not None
    thread = agent.watchdog.thread

    async def main() -> None:
        while thread.interval == 0.01:
            await asyncio.sleep(0.01)
        eventually(lambda: thread.interval == 0.01, every=0.003)
        assert pulse.ring("stall")

    asyncio.run(main())


def test_a_pause_ends_with_the_one_that_comes_close_to_it(started: Callable[..., Any]) -> None:
    """Pauses follow the loop's beats, and what is left of the time between two beats is not worth waking up for."""
    started(LIFESIGN_HEARTBEAT_INTERVAL="0.01")
    agent = lifecycle.running()
    assert agent is not None
    sampler = agent.watchdog.sampler
    agent.watchdog.thread.stop()
    eventually(lambda: not agent.watchdog.thread.is_there())
    sampler._due = 0.0105
    began = time.monotonic()
    assert sampler.pause(0.01) == 0.0105
    assert time.monotonic() - began >= 0.0105
