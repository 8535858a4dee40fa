"""A coroutine that was handed to an event loop which has stopped since, and what is seen of who waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from concurrent.futures import CancelledError, Future
from typing import Any, Iterator

import pytest

from lifesign.agent import slots
from lifesign.agent.slots import Beating, LoopSlots
from lifesign.agent.tasks.dump import groups_of
from lifesign.agent.tasks.threads.holding import handed_behind, stopped
from lifesign.agent.tasks.threads.look import ThreadLook
from support.waiting import eventually


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that has run."""
    monkeypatch.setattr(slots, "ended", slots.ended)
    slots.ended.clear()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    ours = LoopSlots()
    slot = ours.take() or 0
    ours.beating[slot] = Beating(loop, 1, 1, 0, 0, lambda: None)
    ours.give_back(slot)
    ours.give_back(slot)  # none ran in it
    yield loop
    loop.close()
    slots.ended.clear()


def handed(loop: asyncio.AbstractEventLoop) -> tuple[Any, Future[Any]]:
    coroutine = asyncio.sleep(60)
    return coroutine, asyncio.run_coroutine_threadsafe(coroutine, loop)


def test_one_that_was_not_begun_and_one_that_was(worker: asyncio.AbstractEventLoop) -> None:
    coroutine, future = handed(worker)
    assert (stopped(future), stopped(Future())) == ("has stopped", "")
    worker.run_until_complete(asyncio.sleep(0))
    assert stopped(future) == "has stopped"  # it waits in there

    with contextlib.closing(asyncio.new_event_loop()) as other:
        wrapped = asyncio.wrap_future(future, loop=other)

        async def asked() -> tuple[str, str]:
            return stopped(future), handed_behind(wrapped)

        assert worker.run_until_complete(asked()) == ("", "a coroutine in another event loop")
        wrapped.cancel()
        other.run_until_complete(asyncio.sleep(0))
    for task in asyncio.all_tasks(worker):
        task.cancel()
    worker.run_until_complete(asyncio.sleep(0))
    coroutine.close()


def test_one_in_a_loop_that_was_closed_and_in_one_that_is_gone(worker: asyncio.AbstractEventLoop) -> None:
    with contextlib.closing(asyncio.new_event_loop()) as gone:
        slots.ended.append(weakref.ref(gone))
    del gone
    coroutine, future = handed(worker)
    worker.run_until_complete(asyncio.sleep(0))
    (task,) = asyncio.all_tasks(worker)
    worker.close()
    assert stopped(future) == "is closed"
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine.close()


async def test_what_a_task_and_a_thread_wait_for(worker: asyncio.AbstractEventLoop) -> None:
    coroutine, future = handed(worker)
    wrapped = asyncio.wrap_future(future)

    async def waits() -> None:
        await asyncio.shield(wrapped)

    def asks() -> None:
        with contextlib.suppress(CancelledError):
            future.result()

    task = asyncio.create_task(waits())
    thread = threading.Thread(target=asks, name="asks", daemon=True)
    thread.start()
    await asyncio.sleep(0)
    assert handed_behind(wrapped) == "a coroutine handed to an event loop that has stopped"
    assert handed_behind(asyncio.get_running_loop().create_future()) == ""
    seen: list[Any] = []

    def there() -> bool:
        seen[:] = ThreadLook({}, ()).chain(thread.ident or 0)
        return bool(seen) and seen[0]["type"] == "future"

    eventually(there)
    assert seen[0]["state"] == "not begun: its event loop has stopped"
    (group,) = groups_of([task], asyncio.get_running_loop())
    assert group["waits_for"] == "a coroutine handed to an event loop that has stopped"
    task.cancel()
    future.cancel()
    thread.join()
    coroutine.close()
    await asyncio.wait([task])


async def test_a_job_of_an_executor_behind_a_shield() -> None:
    go_on = threading.Event()
    job = asyncio.get_running_loop().run_in_executor(None, go_on.wait)

    async def waits() -> None:
        await asyncio.shield(job)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    (group,) = groups_of([task], asyncio.get_running_loop())
    go_on.set()
    assert (group["waits_for"], await job) == ("a job in an executor", True)
    await task
