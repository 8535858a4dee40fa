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


def test_a_loop_runs_its_errands_as_it_beats(collected: list[tuple[int, int]], started: Callable[..., Any]) -> None:
    async def main() -> None:
        started(LIFESIGN_HEARTBEAT_INTERVAL="0.002")
        agent = lifecycle.peek()
        assert agent is not None
        agent.slots.to_collect, agent.slots.errands = 1, True
        while (HERE, 1) not in collected and agent.slots.errands:
            await asyncio.sleep(0.001)

    asyncio.run(main())


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
    for ages, generation in (((), None), ((300,), None), ((300, 200), 0)):
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
    assert 0.25 <= now - began < 0.26
    aside.wait()
    assert now - began < 0.26


def test_a_walk_does_not_wait_for_the_next_beat(left: Callable[[int], None], collected: list[tuple[int, int]]) -> None:
    async def main() -> None:
        slots = LoopSlots()
        loop = asyncio.get_running_loop()
        slots.beating[1] = Beating(loop, HERE, 0, time.monotonic_ns(), 0, lambda: None)
        aside = Finalizers(slots, 15)  # seconds between two beats

        def walk() -> None:
            left(SPARE // 2)
            collected.clear()
            aside.wait()

        await asyncio.wait_for(loop.run_in_executor(None, walk), 20)
        assert [thread for thread, _ in collected] == [HERE]

    asyncio.run(main())


def test_what_python_collects_then_is_what_it_is_the_turn_of(
    left: Callable[[int], None], collected: list[tuple[int, int]]
) -> None:
    gc.collect(0)
    slots = LoopSlots()

    def generations_collected(asked_for: int) -> list[int]:
        collected.clear()
        slots.to_collect = asked_for
        slots.run_errands(0)
        return [generation for _, generation in collected]

    left(SPARE // 2)
    gc.set_threshold(gc.get_threshold()[0], 0, 1000)  # the second one's turn is after one collection of the first
    assert generations_collected(0) == [1]
    assert generations_collected(0) == []  # where somebody else has done it
    assert generations_collected(1) == [1]
    left(SPARE // 2)
    gc.disable()
    assert (generations_collected(0), generations_collected(1)) == ([], [])


def test_tasks_that_have_ended_are_let_go_of_by_their_own_loops() -> None:
    async def nothing() -> None: ...

    def ended_in(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        task = loop.create_task(nothing())
        loop.run_until_complete(task)
        return task

    one, other, gone = (asyncio.new_event_loop() for _ in range(3))
    loops = Loops(10, 10)
    for beating, loop in zip(loops.slots.beating, (one, other)):
        assert beating is not None
        beating.loop = loop
    ended, others, lost = map(ended_in, (one, other, gone))
    waits = one.create_task(nothing())
    loops.aside.keep([ended, waits])
    loops.aside.keep([others, lost])
    loops.aside.leave()
    assert loops.slots.errands
    assert loops.slots.left == {0: [ended], 1: [others]}
    loops.slots.run_errands(0)
    assert loops.slots.errands
    assert loops.slots.left == {1: [others]}
    loops.slots.run_errands(1)
    assert not loops.slots.errands
    one.run_until_complete(waits)
    for loop in (one, other, gone):
        loop.close()


def test_a_loop_that_does_not_beat_keeps_no_more_than_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalizers, "_KEPT_MAX", 3)
    loop = asyncio.new_event_loop()
    loops = Loops(10)
    beating = loops.slots.beating[0]
    assert beating is not None
    beating.loop = loop
    for _ in range(3):
        tasks = [loop.create_task(asyncio.sleep(0)) for _ in range(2)]
        loop.run_until_complete(asyncio.gather(*tasks))
        loops.aside.keep(list(tasks))
        loops.aside.leave()
    assert len(loops.slots.left[0]) == 3
    loop.close()
