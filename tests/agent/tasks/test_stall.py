"""A loop that does not turn is seen with what its thread does, and dumps that nobody asks for by hand."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.tasks import stall
from support.rows import rows
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.003"}
MS = 1_000_000
TIMEOUT = 60.0  # which passes on the tests' clock
PATIENT = {**FAST, "LIFESIGN_HEARTBEAT_TIMEOUT": str(TIMEOUT), "LIFESIGN_BOOT_TIMEOUT": "36000"}


@pytest.fixture(autouse=True)
def short_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "_LOOK_SECONDS", 0.02)


def test_a_blocked_loop_is_seen_with_what_its_thread_does(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(**PATIENT)
    blocked, seen = threading.Event(), threading.Lock()

    def the_culprit() -> None:
        blocked.set()
        seen.acquire(timeout=30)

    def look() -> None:
        blocked.wait(30)
        while len(pulse.ring("stall")) < 2:
            clock.set_ahead(TIMEOUT / 4)
            pulse.watched()
        eventually(lambda: pulse.ring("task_dump"))
        seen.release()

    async def main() -> None:
        the_culprit()

    seen.acquire()
    looking = threading.Thread(target=look)
    looking.start()
    asyncio.run(main())
    looking.join()
    stalls = pulse.ring("stall")
    assert len(stalls) == 2  # once before the timeout, once as it passes
    assert stalls[0]["since"] == stalls[1]["since"]
    functions = [frame["function"].rpartition(".")[2] for frame in stalls[0]["stack"]]
    assert functions[-1] == "the_culprit"
    assert "main" in functions
    assert stalls[0]["busy"] is False
    (summary,) = pulse.ring("task_dump")
    assert summary["reason"] == "blocked"


def test_the_function_of_c_that_a_blocked_loop_waits_in_is_named(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(**PATIENT)
    reads, writes = os.pipe()

    def look() -> None:
        while not any(one.get("c_function") for one in pulse.ring("stall")[-1:]):
            clock.set_ahead(TIMEOUT / 4)
            pulse.watched()
        os.write(writes, b".")

    async def main() -> None:
        looking = threading.Thread(target=look)
        looking.start()
        os.read(reads, 1)
        looking.join()

    asyncio.run(main())
    os.close(reads)
    os.close(writes)
    assert pulse.ring("stall")[-1]["c_function"] == "os.read"


@pytest.mark.parametrize("has_its_turn", [True, False])
def test_a_loop_that_computes_is_told_from_one_that_waits(
    has_its_turn: bool, started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    if not has_its_turn:  # as on a machine whose processors are all taken
        monkeypatch.setattr(stall, "_time_ns", lambda _thread: (7, 0))
    pulse = started(**PATIENT)

    async def main() -> None:
        for _ in range(50):
            seen = len(pulse.ring("stall"))
            while len(pulse.ring("stall")) == seen:
                clock.set_ahead(TIMEOUT / 4)
                pulse.watched(every=0)
            if pulse.ring("stall")[-1]["busy"]:
                return
            await asyncio.sleep(0.01)  # a busy machine left it no processor just then; the next time it will

    asyncio.run(main())
    assert any(one["busy"] is True for one in pulse.ring("stall"))


def test_a_loop_that_is_only_late_leaves_no_evidence(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)

    async def main() -> None:
        time.sleep(0.02)
        await asyncio.sleep(0.006)

    asyncio.run(main())
    pulse.watched()
    assert pulse.ring("stall") == []


async def test_the_sidecars_reasons_are_dumps_too(started: Callable[..., Any]) -> None:
    pulse = started(**FAST)
    for word in (1, 3):  # silent, leak
        pulse.reader.request(word)
    await asyncio.to_thread(eventually, lambda: pulse.ring("task_dump"))
    # Two at once that nobody asked for by hand are too many: the second waits its time.
    assert len(pulse.ring("task_dump")) == 1
    assert pulse.ring("task_dump")[0]["reason"] == "silent"
    assert pulse.ring("task_dump")[0]["request"] == 0


async def test_async_debug_dumps_now_and_then_and_turns_asyncios_own_debugging_on(
    started: Callable[..., Any],
) -> None:
    pulse = started(**FAST, ASYNC_DEBUG="1", LIFESIGN_DUMP_INTERVAL="0.01")
    loop = asyncio.get_running_loop()
    try:
        assert loop.get_debug()
        await asyncio.to_thread(eventually, lambda: pulse.ring("task_dump"))
        assert pulse.ring("task_dump")[0]["reason"] == "periodic"
    finally:
        loop.set_debug(False)


def test_after_a_freeze_the_loop_is_not_taken_for_blocked(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(**PATIENT)
    agent = lifecycle.peek()
    assert agent is not None

    async def main() -> None:
        agent.watchdog.thread.stop()  # it must not look while this test does
        eventually(lambda: not agent.watchdog.thread.is_there())
        clock.set_ahead(TIMEOUT)  # as if nothing had run at all
        agent.watchdog._look_for_stalls()
        assert pulse.ring("stall") == []
        agent.watchdog._look_for_stalls()  # the loop had its moment, and did not turn
        assert len(pulse.ring("stall")) == 1

    asyncio.run(main())
    assert pulse.ring("task_dump") == []


@rows(
    ("used", "queued", "ready", "busy"),
    [
        (0, 0, False, False),  # it waits
        (6, 0, False, True),
        (4, 0, False, False),  # it works now and then
        (4, 20, False, True),  # it computes, and had a processor for a seventh of the time that it was ready
        (0, 0, True, True),  # it computes, and got no processor at all
        (0, 40, False, False),  # it waits, and came late to where it waits on
    ],
)
def test_whether_a_thread_computes(
    used: int, queued: int, ready: bool, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fifty milliseconds."""
    clock, times = iter((0, 50)), iter(((7, 9), (7 + used, 9 + queued)))
    monkeypatch.setattr(stall, "time", SimpleNamespace(monotonic_ns=lambda: next(clock) * MS))
    monkeypatch.setattr(stall, "sleep", lambda _: None)
    monkeypatch.setattr(stall, "_wants_cpu", lambda _thread: ready)
    monkeypatch.setattr(stall, "_time_ns", lambda _thread: tuple(one * MS for one in next(times)))
    assert stall._is_busy(1) is busy
