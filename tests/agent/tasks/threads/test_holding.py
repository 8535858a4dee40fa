"""Who keeps a thread waiting, asked of the loops, the tasks and the frames of one moment; no thread waits here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
from types import FrameType
from typing import Any

from lifesign.agent.tasks.threads.holding import Hold, Holders, outwards
from lifesign.agent.tasks.threads.standstill import Standstill
from support.made.surveys import running

HERE = threading.get_ident()


def wait(thing: Any, label: str) -> Standstill:
    return Standstill(thing, label, "", "", clock=False)


def described(hold: Hold | None) -> tuple[object, ...] | None:
    return None if hold is None else (hold.thread, hold.task, hold.verb, hold.certain)


def holder(thing: Any, label: str, **known: Any) -> tuple[object, ...] | None:
    """Who is said to hold it, where nothing else is known than this."""
    given = {"frames": {}, "loops": {}, "tasks": [], **known}
    return described(Holders(**given).of(wait(thing, label)))


async def holds(lock: threading.Lock) -> None:
    with lock:
        await asyncio.sleep(60)


async def test_a_task_holds_a_lock_of_threads_in_the_thread_of_its_loop() -> None:
    lock = threading.Lock()
    async with running(holds(lock), asyncio.sleep(60)) as tasks:
        new = asyncio.create_task(asyncio.sleep(60))  # it has not begun, and can hold nothing
        loops = {HERE: asyncio.get_running_loop()}
        await asyncio.sleep(0)
        newest = asyncio.create_task(asyncio.sleep(60))
        seen = [*tasks, new, newest]
        assert holder(lock, "threading.Lock", loops=loops, tasks=seen) == (HERE, "holds", "holds", True)
        assert holder(lock, "threading.Lock", loops={}, tasks=seen) is None  # the thread of its loop is not known
        assert holder(threading.Lock(), "threading.Lock", loops=loops, tasks=seen) is None
        new.cancel()
        newest.cancel()


async def test_a_task_that_went_on_meanwhile_holds_nothing_for_certain() -> None:
    lock = threading.Lock()
    async with running(holds(lock)) as tasks:
        await asyncio.sleep(0)
        holders = Holders({}, {HERE: asyncio.get_running_loop()}, tasks)
        assert described(holders.of(wait(lock, "threading.Lock"))) == (HERE, "holds", "holds", True)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert holders.of(wait(lock, "threading.Lock")) is None


async def test_what_a_loop_waits_for_itself_it_does_not_bring() -> None:
    job: concurrent.futures.Future[None] = concurrent.futures.Future()
    waits = asyncio.wrap_future(job)
    assert holder(job, "future", loops={HERE: asyncio.get_running_loop()}) is None
    waits.cancel()


async def test_what_a_loop_is_asked_for_by_another_thread_only_that_loop_can_give() -> None:
    loop, other = asyncio.get_running_loop(), asyncio.new_event_loop()
    try:
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(60), loop)
        nobodys: concurrent.futures.Future[None] = concurrent.futures.Future()
        own = loop.create_future()
        nobodys.add_done_callback(lambda _: own.cancel())  # that the user's code keeps one of the loop's means nothing
        loops = {1: other, 2: loop}
        loop.call_soon(len, ())  # what else the loop is about to do
        assert holder(future, "future", loops=loops) == (2, "", "loop", True)  # it is not begun
        for _ in range(2):
            await asyncio.sleep(0)
        assert holder(future, "future", loops=loops) == (2, "", "loop", True)  # its task runs
        assert holder(future, "future", loops={1: other}) is None
        assert holder(nobodys, "future", loops=loops) is None
        future.cancel()
    finally:
        other.close()


def test_a_future_that_nobody_is_at_work_on_has_no_holder() -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    assert holder(future, "future", frames={HERE: sys._getframe()}) is None
    assert holder(object(), "queue.Queue") is None


def test_of_a_deep_stack_the_innermost_frames_are_read() -> None:
    def deep(left: int) -> list[FrameType]:
        return deep(left - 1) if left else list(outwards(sys._getframe()))

    assert [frame.f_code.co_name for frame in deep(100)] == ["deep"] * 60
