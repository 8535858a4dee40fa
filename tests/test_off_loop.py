"""A blocking call holds up neither the event loop nor the end of the process."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from typing import Any

import pytest

from lifesign import off_loop as module
from lifesign.off_loop import BUSY, IDLE, off_loop
from support.waiting import in_time


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


async def test_it_is_a_daemon_thread() -> None:
    thread = await off_loop(threading.current_thread)
    assert thread.daemon
    assert thread is not threading.main_thread()
    assert await off_loop(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await off_loop(divmod, 7, 0)


async def test_what_no_future_takes_is_an_error_all_the_same() -> None:
    def stops() -> None:
        raise StopIteration("at once")

    with pytest.raises(RuntimeError, match="StopIteration: at once"):
        await off_loop(stops)
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await off_loop(sys.exit, 3)


async def test_a_thread_is_used_again_and_not_by_two() -> None:
    release = threading.Event()
    waiting = [asyncio.create_task(off_loop(release.wait)) for _ in range(3)]
    while len(threads(BUSY)) < 3:
        await asyncio.sleep(0.001)
    release.set()
    await asyncio.gather(*waiting)
    while len(threads(IDLE)) < 3:
        await asyncio.sleep(0.001)
    known = {thread.ident for thread in threads(IDLE)}
    for _ in range(5):
        assert await off_loop(threading.get_ident) in known


async def test_a_thread_is_there_for_the_next_call_when_it_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    reports, names = loop.call_soon_threadsafe, []

    def reported(*arguments: Any) -> asyncio.Handle:
        names.append(threading.current_thread().name)
        return reports(*arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", reported)
    await off_loop(int)
    assert names == [IDLE]


async def test_no_signal_goes_to_such_a_thread() -> None:
    here = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    there = await off_loop(signal.pthread_sigmask, signal.SIG_BLOCK, ())
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}.isdisjoint(here)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1} <= there


async def test_a_thread_that_nobody_needs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    await off_loop(int)
    while not (idle := threads(IDLE)):
        await asyncio.sleep(0.001)
    monkeypatch.setattr(module, "_IDLE_MAX", 0.001)
    while any(thread.is_alive() for thread in idle):
        # Those that wait already go on for ten seconds: each gets a call of its own, as all of them are in one at once.
        together = threading.Barrier(len(idle))
        await asyncio.gather(*(off_loop(together.wait) for _ in idle))
        for thread in idle:
            thread.join(0.1)
    assert await off_loop(int) == 0


async def test_a_call_that_comes_as_a_thread_gives_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_MAX", 0.0005)
    for _ in range(100):
        assert await in_time(off_loop(int)) == 0
        await asyncio.sleep(0.0005)


async def test_without_a_thread_it_is_a_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "_idle", [])
    monkeypatch.setattr(threading.Thread, "start", refuses)
    with pytest.raises(OSError, match="no thread"):
        await off_loop(int)


async def test_a_hanging_call_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(off_loop(release.wait), 0.02)
    release.set()
    while threads(BUSY):
        await asyncio.sleep(0.001)


def test_a_call_that_outlives_the_loop_is_harmless() -> None:
    release = threading.Event()

    async def leave() -> None:
        task = asyncio.create_task(off_loop(release.wait))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(leave())
    release.set()
    while threads(BUSY):
        time.sleep(0.001)
