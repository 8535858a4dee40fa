"""Beats: whichever way a loop is run, in whichever thread, its slot says so."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
import uvloop

import lifesign
from lifesign.agent import hook, lifecycle
from lifesign.agent.checks.registry import registry
from lifesign.wire import layout
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}


def signs(pulse: Any) -> list[Any]:
    return [one for one in pulse.reader.vitals().loops if one is not None]


async def beats(pulse: Any, number: int) -> None:
    for _ in range(500):
        if any(one.state == layout.LOOP_RUNNING and one.beats >= number for one in signs(pulse)):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the loop did not beat")


def run_with_runner(main: Any) -> None:
    with asyncio.Runner() as runner:
        runner.run(main)


RUNNER = [run_with_runner] if sys.version_info >= (3, 11) else []


def run_until_complete(main: Any) -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


def run_for_ever(main: Any) -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(main)
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    loop.close()
    task.result()


@pytest.mark.parametrize("run", [asyncio.run, *RUNNER, run_until_complete, run_for_ever])
def test_every_way_to_run_a_loop_is_seen_and_its_end_too(
    started: Callable[..., Any], run: Callable[[Any], None]
) -> None:
    pulse = started(**FAST)
    run(beats(pulse, 5))
    (one,) = signs(pulse)
    assert one.state == layout.LOOP_ENDED
    assert one.beats >= 5
    assert one.thread == threading.get_native_id()


def test_a_second_loop_takes_the_slot_up_and_the_beats_go_on(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    asyncio.run(beats(pulse, 3))
    (first,) = signs(pulse)
    asyncio.run(beats(pulse, first.beats + 3))
    (second,) = signs(pulse)
    assert second.beats >= first.beats + 3
    assert second.generation > first.generation


def test_loops_in_several_threads_have_a_slot_each(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    go_on = threading.Event()

    async def until_told() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.01)

    threads = [threading.Thread(target=asyncio.run, args=(until_told(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: len([one for one in signs(pulse) if one.state == layout.LOOP_RUNNING and one.beats > 2]) == 3)
    assert len({one.thread for one in signs(pulse)}) == 3
    go_on.set()
    for thread in threads:
        thread.join()
    assert {one.state for one in signs(pulse)} == {layout.LOOP_ENDED}


async def test_the_delay_of_a_beat_is_how_late_it_came(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    await beats(pulse, 2)
    (before,) = signs(pulse)
    time.sleep(0.02)
    await beats(pulse, before.beats + 1)
    delays = pulse.reader.vitals().delays[0]
    # The beat that was due within 3 ms came after the 20 ms for which the loop was blocked.
    assert 15_000_000 < max(delays) < 5_000_000_000


async def test_a_beat_that_fails_is_not_the_loops_trouble(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = started(**FAST)
    await beats(pulse, 1)
    agent = lifecycle.peek()
    assert agent is not None
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))

    def fails(*_: Any) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr(registry, "is_due", lambda: True)
    agent.for_a_loop = True
    monkeypatch.setattr(agent.boot, "beat", fails)
    (before,) = signs(pulse)
    await beats(pulse, before.beats + 3)  # it beats on all the same
    assert unhandled == []
    assert "a beat failed" in caplog.text


async def test_stopping_ends_the_beat_of_a_loop_that_runs_on(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    await beats(pulse, 2)
    lifesign.stop()
    (before,) = signs(pulse)
    await asyncio.sleep(0.02)
    (after,) = signs(pulse)
    assert after.beats == before.beats


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_loop_that_runs_when_the_agent_starts_is_seen_too(
    started: Callable[..., Any], run: Callable[[Any], None]
) -> None:
    async def main() -> None:
        pulse = started(**FAST)
        await beats(pulse, 2)

    run(main())


def test_a_hook_that_breaks_is_left_out() -> None:
    calls: list[Any] = []

    def fails(loop: Any) -> None:
        calls.append(loop)
        raise RuntimeError("surprise")

    hook.observe(asyncio.events, fails)
    for _ in range(3):
        asyncio.run(asyncio.sleep(0))
    assert len(calls) == 1


def test_a_loop_too_short_for_a_beat_has_turned_and_booted_the_service(started: Callable[..., Any]) -> None:
    pulse = started()
    asyncio.run(asyncio.sleep(0))
    asyncio.run(asyncio.sleep(0))
    (one,) = signs(pulse)
    assert one.state == layout.LOOP_ENDED
    assert one.beats >= 2  # one for each time that a loop ran: asyncio.run lets its own run again at the end
    assert [record["outcome"] for record in pulse.boot() if record["kind"] == "boot_ended"] == ["complete"]


class LateError(Exception):
    """What the program's own signal handler raises."""


async def test_what_a_signal_handler_raises_in_a_beat_is_the_programs_and_the_beats_go_on(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = started(**FAST, LIFESIGN_HEARTBEAT_TIMEOUT="60")  # the watchdog has no part in it
    await beats(pulse, 1)
    agent = lifecycle.peek()
    assert agent is not None
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context.get("exception")))

    def handler(*_: Any) -> None:
        raise LateError

    previous = signal.signal(signal.SIGUSR1, handler)
    (before,) = signs(pulse)
    writer = agent.pulse.loops[before.slot]
    write = writer.write

    def interrupted(*arguments: int) -> None:
        monkeypatch.setattr(writer, "write", write)
        os.kill(os.getpid(), signal.SIGUSR1)
        write(*arguments)

    try:
        monkeypatch.setattr(writer, "write", interrupted)
        await beats(pulse, before.beats + 3)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert [type(error) for error in raised] == [LateError]


async def test_a_loop_whose_beat_could_not_be_set_again_is_asked_for_another(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    pulse = started(**FAST, LIFESIGN_HEARTBEAT_TIMEOUT="60", BOOT_TIMEOUT_S="36000")
    await beats(pulse, 1)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    failed: list[int] = []

    def fails(*_: Any) -> None:
        failed.append(1)
        raise RecursionError

    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_later", fails)
        while len(failed) < 2:  # in the beat, and after it
            await asyncio.sleep(0)
    (before,) = signs(pulse)
    for _ in range(3):  # the watchdog misses the beats
        clock.set_ahead(20)
        pulse.watched()
    await beats(pulse, before.beats + 3)


async def test_after_a_stop_and_a_start_all_loops_beat_again_in_the_same_pulse(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    pulse = started(**FAST)
    go_on = threading.Event()

    async def until_told() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(until_told(),))
    thread.start()
    await asyncio.to_thread(eventually, lambda: len([one for one in signs(pulse) if one.beats > 2]) == 2)
    lifesign.stop()
    assert pulse.reader.tombstone()
    await asyncio.to_thread(eventually, lambda: {one.state for one in signs(pulse)} == {layout.LOOP_ENDED})
    assert lifesign.start()
    assert not pulse.reader.tombstone()
    sofar = sum(one.beats for one in signs(pulse))
    await asyncio.to_thread(
        eventually,
        lambda: (
            [one.state for one in signs(pulse)] == [layout.LOOP_RUNNING] * 2
            and sum(one.beats for one in signs(pulse)) > sofar + 6
        ),
    )
    go_on.set()
    await asyncio.to_thread(thread.join)
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_loop_that_is_said_to_start_twice_is_one(started: Callable[..., Any]) -> None:
    pulse = started()
    for _ in range(2):
        lifecycle.loop_changed(asyncio.get_running_loop())
    assert len(signs(pulse)) == 1
