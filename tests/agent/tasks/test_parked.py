"""A loop that does not turn is parked only where its thread waits in a library and nothing is to be done in it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks import stall
from lifesign.agent.tasks.stall import is_parked
from lifesign.agent.tasks.walk import thread_stack
from support.waiting import PATIENCE, eventually

WORKER = """
async def work(waiting, prepare):
    prepare()
    waiting.acquire()
"""


class Helper:
    """A loop in a thread of its own that waits in a call that blocks."""

    def __init__(self, file: Path, prepare: Callable[[], None] = lambda: None) -> None:
        self._waiting = threading.Lock()
        self._waiting.acquire()
        self._entered = threading.Event()
        self.loop = asyncio.SelectorEventLoop()
        namespace: dict[str, Any] = {}
        exec(compile(WORKER, str(file), "exec"), namespace)

        def enter() -> None:
            prepare()
            self._entered.set()

        self._task = namespace["work"](self._waiting, enter)
        self._thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._task))
        self._thread.start()
        self._entered.wait(PATIENCE)
        eventually(lambda: self._stack()[-1]["function"] == "work")

    def _stack(self) -> list[Any]:
        import sys

        return thread_stack(sys._current_frames().get(self._thread.ident or 0))

    def is_parked(self, thread: int | None = None) -> bool:
        return is_parked(self.loop, thread or self._thread.ident or 0, self._stack(), asyncio.all_tasks(self.loop))

    def close(self) -> None:
        self._waiting.release()
        self._thread.join()
        self.loop.close()


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Callable[..., Helper]]:
    made: list[Helper] = []

    def make(file: str = "lib/python3/site-packages/helper.py", **options: Any) -> Helper:
        made.append(Helper(tmp_path / file, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_library_that_waits_for_work_in_its_own_loop(helper: Callable[..., Helper]) -> None:
    assert helper().is_parked()


def test_the_users_own_code_is_no_library(helper: Callable[..., Helper]) -> None:
    assert not helper("service.py").is_parked()


def test_the_main_thread_is_never_parked(helper: Callable[..., Helper]) -> None:
    assert not helper().is_parked(threading.main_thread().ident)


def test_work_that_was_handed_to_the_loop_waits_for_it(helper: Callable[..., Helper]) -> None:
    one = helper()
    one.loop.call_soon_threadsafe(print)
    assert not one.is_parked()


def test_another_task_waits_for_the_loop(helper: Callable[..., Helper]) -> None:
    async def other() -> None:
        await asyncio.Event().wait()

    tasks: list[Any] = []
    one = helper(prepare=lambda: tasks.append(asyncio.get_running_loop().create_task(other())))
    assert not one.is_parked()
    tasks[0].cancel()


def test_a_timer_waits_for_the_loop(helper: Callable[..., Helper]) -> None:
    timers: list[Any] = []
    one = helper(prepare=lambda: timers.append(asyncio.get_running_loop().call_later(60, print)))
    assert not one.is_parked()
    timers[0].cancel()
    assert one.is_parked()


def test_a_socket_waits_for_the_loop(helper: Callable[..., Helper]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        one = helper(prepare=lambda: asyncio.get_running_loop().add_reader(listener, print))
        assert not one.is_parked()
        one.loop.remove_reader(listener)


def test_a_loop_that_shows_nothing_is_in_use(helper: Callable[..., Helper]) -> None:
    one = helper()
    assert not is_parked(object(), 1, one._stack(), ())


def test_more_tasks_than_are_looked_at_are_taken_for_work(
    helper: Callable[..., Helper], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = helper()
    assert one.is_parked()
    monkeypatch.setattr(stall, "_TASKS_MAX", 0)
    assert not one.is_parked()


def test_the_evidence_says_that_it_is_parked_and_nothing_of_a_thread_that_is_gone(
    helper: Callable[..., Helper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(stall, "_is_busy", lambda _: False)
    one = helper()
    thread = one._thread
    beating: Any = SimpleNamespace(thread=thread.ident, native_thread=thread.native_id, wall_ns=5, loop=one.loop)
    found = stall.stall(3, beating, list(asyncio.all_tasks(one.loop)))
    assert found is not None
    assert (found["loop"], found["since"], found["busy"], found["parked"]) == (3, 5, False, True)
    beating.thread = -1
    assert stall.stall(3, beating) is None


def test_whether_a_thread_that_is_gone_computes_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "_LOOK_SECONDS", 0.001)
    assert stall._is_busy(1 << 30) is None  # no kernel has as many
