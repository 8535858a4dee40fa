"""All threads at one moment: real threads that wait for each other, or for a loop, and executors with real jobs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import queue
import threading
import weakref
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.tasks import dump
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.threads.executors import Executor, executors, record
from lifesign.agent.tasks.threads.look import ThreadLook
from support.waiting import eventually


@contextlib.contextmanager
def threads(*functions: Callable[[], Any]) -> Iterator[None]:
    """Threads named after their functions; they must end by themselves after the block."""
    running = [threading.Thread(target=one, name=one.__name__, daemon=True) for one in functions]
    for one in running:
        one.start()
    yield
    for one in running:
        one.join(10)
        assert not one.is_alive()


def waits(name: str, kind: str, loops: dict[int, Any] | None = None, tasks: Any = ()) -> dict[str, Any]:
    """What the thread with that name waits for, once it is something of that kind."""
    seen: list[Any] = []

    def there() -> bool:
        look = ThreadLook(loops or {}, tasks)
        seen[:] = [group["wait"] for group in records(look) if group["names"] == [name] and group["wait"]]
        return bool(seen) and seen[0]["type"] == kind

    eventually(there)
    return dict(seen[0])


def records(look: ThreadLook) -> list[Any]:
    return [look.record("dump", index, group) for index, group in enumerate(look.groups())]


def test_an_rlock_names_its_holder_and_where_that_one_is() -> None:
    lock, entered, leave = threading.RLock(), threading.Event(), threading.Event()

    def holder() -> None:
        with lock:
            entered.set()
            leave.wait()

    def waiter() -> None:
        entered.wait()
        with lock:
            pass

    with threads(holder, waiter):
        entered.wait()
        try:
            seen = waits("waiter", "threading.RLock")
        finally:
            leave.set()
    assert (seen["type"], seen["name"], seen["holder"], seen["verb"]) == ("threading.RLock", "lock", "holder", "holds")
    assert (seen["certain"], seen["clock"]) == (True, False)
    assert seen["place"]["function"].endswith("holder")


def test_a_lock_has_a_likely_holder_or_none() -> None:
    lock, hidden, entered, leave = threading.Lock(), threading.Lock(), threading.Event(), threading.Event()

    def holder() -> None:
        with lock:
            entered.set()
            leave.wait()

    def waiter() -> None:
        entered.wait()
        with lock:
            pass

    def in_vain() -> None:
        with hidden:
            pass

    for take in (hidden.acquire,):  # by a name that says nothing
        take()
    with threads(holder, waiter, in_vain):
        try:
            likely, unknown = waits("waiter", "threading.Lock"), waits("in_vain", "threading.Lock")
        finally:
            leave.set()
            hidden.release()
    assert (likely["type"], likely["holder"], likely["certain"]) == ("threading.Lock", "holder", False)
    assert (unknown["holder"], unknown["certain"]) == (None, False)


def test_a_queue_a_thread_and_a_future_of_a_job() -> None:
    orders: queue.Queue[int] = queue.Queue(3)
    leave = threading.Event()

    def takes() -> None:
        orders.get()

    def joins() -> None:
        ending.join()

    def asks() -> None:
        job.result()

    ending = threading.Thread(target=leave.wait, name="ending")
    ending.start()
    with ThreadPoolExecutor(1, thread_name_prefix="jobs") as pool:
        job: Future[bool] = pool.submit(leave.wait)
        with threads(takes, joins, asks):
            try:
                item, end, result = waits("takes", "queue.Queue"), waits("joins", "thread"), waits("asks", "future")
            finally:
                leave.set()
                orders.put(1)
    assert (item["type"], item["name"], item["state"], item["how"]) == ("queue.Queue", "orders", "empty", "get")
    assert (end["type"], end["name"], end["holder"], end["verb"]) == ("thread", "ending", "ending", "is")
    assert (result["type"], result["state"], result["holder"], result["verb"]) == (
        "future",
        "running",
        "jobs_0",
        "runs",
    )


@pytest.mark.parametrize(("seconds", "rings"), [(None, [["loop_thread", "asks"]]), (60.0, [])])
def test_a_ring_of_threads_unless_a_timeout_ends_it(
    seconds: float | None, rings: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, entered, loops = threading.RLock(), threading.Event(), {}
    monkeypatch.setattr(dump, "SEARCH_SECONDS", 0.0)
    tasks = Tasks(list, lambda: loops)
    handed: list[Future[None]] = []

    def asks() -> None:
        with lock, contextlib.suppress(CancelledError):
            entered.set()
            handed[0].result(seconds)

    def loop_thread() -> None:
        asyncio.run(main())

    async def main() -> None:
        loop = loops[threading.get_ident()] = asyncio.get_running_loop()
        handed.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop))
        with threads(asks):
            entered.wait()
            lock.acquire()
            lock.release()

    with threads(loop_thread):
        try:
            eventually(lambda: loops)
            waits("loop_thread", "threading.RLock", loops)
            waits("asks", "future", loops)
            look = ThreadLook(loops, ())
            found = [sorted(step["thread"] for step in look.steps(ring)) for ring in look.rings()]
            reason = tasks.search(lambda: None)
        finally:
            handed[0].cancel()
    assert found == [sorted(ring) for ring in rings]
    assert reason == ("deadlock" if rings else "")  # also unasked


async def test_a_loop_that_waits_for_what_only_it_can_bring() -> None:
    loop = asyncio.get_running_loop()
    handed = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)

    def asks() -> None:
        handed.result()

    ours = threading.get_ident()
    with threads(asks):
        seen = waits("asks", "future", {ours: loop})
        assert (seen["verb"], seen["holder"], seen["certain"]) == ("loop", threading.current_thread().name, True)
        await asyncio.wrap_future(handed)


async def test_a_lock_that_a_task_holds_over_an_await() -> None:
    lock = threading.Lock()

    async def hold() -> None:
        with lock:
            await asyncio.sleep(30)

    def waiter() -> None:
        with lock:
            pass

    loop = asyncio.get_running_loop()
    task = loop.create_task(hold(), name="holding")
    await asyncio.sleep(0)
    with threads(waiter):
        seen = waits("waiter", "threading.Lock", {threading.get_ident(): loop}, [task])
        task.cancel()
        await asyncio.wait([task])
    assert (seen["task"], seen["verb"], seen["certain"]) == ("holding", "holds", True)


def test_an_executor_with_its_busy_threads_and_the_jobs_that_wait() -> None:
    leave, begun = threading.Event(), threading.Semaphore(0)

    def load() -> None:
        begun.release()
        leave.wait()

    with ThreadPoolExecutor(2, thread_name_prefix="rows") as pool:
        for _ in range(5):
            pool.submit(load)
        begun.acquire()
        begun.acquire()
        look = ThreadLook({}, ())
        groups = look.groups()
        found = [record("dump", 0, one, [pool], groups) for one in executors(look) if one.thing is pool]
        stacks = [[frame["function"] for frame in group["stack"]] for group in records(look)]
        leave.set()
    (seen,) = found
    assert (seen["type"], seen["name"], seen["default"]) == ("ThreadPoolExecutor", "rows", True)
    assert (seen["busy"], seen["most"], seen["queued"]) == (2, 2, 3)
    assert sum(edge["count"] for edge in seen["groups"]) == 2
    assert all(any("load" in function for function in stacks[edge["group"]]) for edge in seen["groups"])


def test_the_processes_of_an_executor() -> None:
    here, gone = os.getpid(), (1 << 22) - 1
    pending, processes = {1: None, 2: None, 3: None}, {here: None, gone: None, 1 << 30: None}
    pool = SimpleNamespace(_max_workers=2, _pending_work_items=pending, _processes=processes)
    seen = record("dump", 0, Executor(pool, [1], []), [], [])
    assert (seen["busy"], seen["queued"]) == (2, 1)
    assert seen["workers"] == [f"pid {here} runs", f"pid {gone} is gone"]
    pool._pending_work_items = {}
    assert record("dump", 0, Executor(pool, [1], []), [], [])["workers"] == []


def test_an_idle_thread_of_an_executor_is_not_busy() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        def idle() -> bool:
            (one,) = (one for one in executors(ThreadLook({}, ())) if one.thing is pool)
            return not one.busy

        eventually(idle)


def test_what_is_read_of_a_thread_keeps_nothing_of_it_alive() -> None:
    class Big:
        pass

    letting_go, gone, leave = threading.Event(), threading.Event(), threading.Event()
    known: list[weakref.ref[Big]] = []

    def holds() -> None:
        big: Any = Big()
        known.append(weakref.ref(big))
        letting_go.wait()
        big = None
        gone.set()
        leave.wait()

    with threads(holds):
        eventually(lambda: known)
        look = ThreadLook({}, ())
        (frame,) = (
            one for thread in look.frames.values() for one in _outwards(thread) if one.f_code.co_name == "holds"
        )
        assert calls.variable(frame, "big") is known[0]()
        del frame, look
        letting_go.set()
        gone.wait()
        gc.collect()
        try:
            assert known[0]() is None
        finally:
            leave.set()


def _outwards(frame: Any) -> Iterator[Any]:
    while frame is not None:
        yield frame
        frame = frame.f_back
