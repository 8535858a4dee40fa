"""Collections are left to the loops: when, to which of them, and until when it is waited for that."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.slots import SPARE, Beating, LoopSlots
from lifesign.agent.stalls import finalizers
from lifesign.agent.stalls.finalizers import Finalizers

HERE = threading.get_ident()


class Loops:
    """Loops that have beaten so many milliseconds ago; they beat ten times a second."""

    def __init__(self, *ages: int) -> None:
        self.slots = LoopSlots()
        now = time.monotonic_ns()
        for slot, age in enumerate(ages):
            self.slots.beating[slot] = Beating(None, HERE, 0, now - age * 1_000_000, 0, lambda: None)  # type: ignore[arg-type]
        self.aside = Finalizers(self.slots, 0.1)


@pytest.fixture
def left() -> Iterator[Callable[[int], None]]:
    """Sets how many objects more may be made until Python collects."""
    threshold, enabled = gc.get_threshold(), gc.isenabled()
    made: list[object] = []

    def leave(number: int) -> None:
        gc.disable()
        made.extend([] for _ in range(2 * SPARE))
        gc.set_threshold(gc.get_count()[0] + number, *threshold[1:])
        gc.enable()

    yield leave
    gc.set_threshold(*threshold)
    (gc.enable if enabled else gc.disable)()


@pytest.fixture
def collected() -> Iterator[list[tuple[int, int]]]:
    """The threads in which something was collected, each with the generation."""
    seen: list[tuple[int, int]] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            seen.append((threading.get_ident(), info["generation"]))

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_a_loop_collects_as_it_beats_before_there_is_one_object_too_many(
    left: Callable[[int], None], collected: list[tuple[int, int]], started: Callable[..., Any]
) -> None:
    async def main() -> None:
        started(LIFESIGN_HEARTBEAT_INTERVAL="0.002")
        agent = lifecycle.peek()
        assert agent is not None
        aside = Finalizers(agent.slots, 10.0)
        await asyncio.sleep(0.01)
        left(SPARE // 2)
        assert await asyncio.to_thread(aside.step_aside)
        await asyncio.to_thread(aside.wait)
        assert not aside.are_near()

    asyncio.run(main())
    assert {thread for thread, _ in collected} == {HERE}


def test_nothing_is_asked_for_where_it_is_far_or_nobody_wants_it(left: Callable[[int], None]) -> None:
    aside = Loops(10).aside
    left(2 * SPARE)
    assert not aside.step_aside()
    left(SPARE // 2)
    gc.disable()
    assert not aside.step_aside()
    gc.enable()
    gc.set_threshold(0)
    assert not aside.step_aside()


def test_a_loop_is_asked_that_turns_and_for_as_long_as_it_is_near(left: Callable[[int], None]) -> None:
    left(SPARE // 2)
    for ages, generation in (((), None), ((210,), None), ((210, 90), 0)):
        loops = Loops(*ages)
        assert loops.aside.step_aside() == (generation is not None)
        assert loops.slots.to_collect == generation
    left(2 * SPARE)
    assert not loops.aside.step_aside()
    assert loops.slots.to_collect is None


def test_an_older_generation_that_was_asked_for_is_collected_whatever_is_near(left: Callable[[int], None]) -> None:
    loops = Loops(10)
    left(2 * SPARE)
    assert loops.aside.ask(1)
    assert not loops.aside.step_aside()
    assert loops.slots.to_collect == 1
    left(SPARE // 2)
    assert loops.aside.step_aside()
    assert loops.slots.to_collect == 1


def test_patience_with_a_loop_that_does_not_beat_ends(
    left: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(finalizers.time, "monotonic", lambda: now)

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(finalizers, "sleep", pause)
    left(SPARE // 2)
    aside, began = Loops(10).aside, now
    aside.wait()
    assert 0.2 <= now - began < 0.21
    aside.wait()
    assert now - began < 0.21


def test_what_python_collects_then_is_what_it_is_the_turn_of(
    left: Callable[[int], None], collected: list[tuple[int, int]]
) -> None:
    gc.collect(0)
    slots = LoopSlots()

    def generations_collected(asked_for: int) -> list[int]:
        collected.clear()
        slots.to_collect = asked_for
        slots.collect()
        return [generation for _, generation in collected]

    left(SPARE // 2)
    gc.set_threshold(gc.get_threshold()[0], 0, 1000)  # the second one's turn is after one collection of the first
    assert generations_collected(0) == [1]
    assert generations_collected(0) == []  # where somebody else has done it
    assert generations_collected(1) == [1]
    left(SPARE // 2)
    gc.disable()
    assert (generations_collected(0), generations_collected(1)) == ([], [])
