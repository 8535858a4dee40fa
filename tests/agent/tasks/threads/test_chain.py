"""Who keeps whom waiting, from thread to thread; and an executor whose work is done by processes."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Iterator

from lifesign.agent.tasks.threads.executors import Executor, record
from lifesign.agent.tasks.threads.look import ThreadLook
from support.waiting import eventually

LOCK, LEAVE = threading.RLock(), threading.Event()


def holder() -> None:
    with LOCK:
        LEAVE.wait()


def waiter() -> None:
    with LOCK:
        pass


@contextlib.contextmanager
def thread(function: Any) -> Iterator[threading.Thread]:
    running = threading.Thread(target=function, name=function.__name__)
    running.start()
    try:
        yield running
    finally:
        LEAVE.set()
        running.join()


def test_a_chain_goes_from_who_waits_to_who_keeps_all_of_them_waiting() -> None:
    LEAVE.clear()
    steps: list[Any] = []

    def both(first: threading.Thread) -> bool:
        steps[:] = ThreadLook({}, ()).chain(first.ident or 0)
        return len(steps) == 2

    with thread(holder) as last:
        eventually(lambda: [step["type"] for step in ThreadLook({}, ()).chain(last.ident or 0)] == ["threading.Event"])
        with thread(waiter) as first:
            eventually(lambda: both(first))
            LEAVE.set()
    assert [(step["type"], step["holder"]) for step in steps] == [
        ("threading.RLock", "holder"),
        ("threading.Event", None),
    ]
    assert ThreadLook({}, ()).chain(threading.get_ident()) == []


def test_of_processes_it_is_what_was_submitted_that_counts() -> None:
    class ProcessPoolExecutor:
        _max_workers = 2
        _pending_work_items = {1: "done now", 2: "done now", 3: "waits"}  # noqa: RUF012

    said = record("dump", 0, Executor(ProcessPoolExecutor(), [], []), (), [])
    assert (said["type"], said["busy"], said["most"], said["queued"]) == ("ProcessPoolExecutor", 2, 2, 1)
    assert said["groups"] == []
