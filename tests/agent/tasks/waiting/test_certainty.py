"""What may end a wait after all, by what timers lead to and by what code inside of a block may do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable

import pytest

from lifesign.agent.tasks.waiting.certainty import end_of_a_timer, may_have_let_go
from lifesign.agent.tasks.walk import chain
from support.made.surveys import running


class Owner:
    def __init__(self, task: Any) -> None:
        self.tasks = {"the one": task}

    def ends(self) -> None: ...


class Slotted:
    __slots__ = ("task", "unset")

    def __init__(self, task: Any) -> None:
        self.task = task

    def ends(self) -> None: ...


def closure(task: Any) -> Callable[[], None]:
    return lambda: task.cancel()


def default(task: Any) -> Callable[[], None]:
    def ends(one: Any = task) -> None: ...

    return ends


WAYS: dict[str, Callable[[Any], Callable[[], Any]]] = {
    "its own method": lambda task: task.cancel,  # type: ignore[no-any-return]
    "a closure": closure,
    "a default": default,
    "a partial": lambda task: partial(len, [task]),
    "a keyword of a partial": lambda task: partial(dict, task=task),
    "an attribute": lambda task: Owner(task).ends,
    "a slot": lambda task: Slotted(task).ends,
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_timer_leads_to_a_task(way: str) -> None:
    loop = asyncio.get_running_loop()
    async with running(asyncio.sleep(0), asyncio.sleep(0)) as (task, other):
        timer = loop.call_later(60, WAYS[way](task))
        assert end_of_a_timer([task], [loop])
        assert not end_of_a_timer([other], [loop])
        timer.cancel()
        assert not end_of_a_timer([task], [loop])


class TimerHandle:
    """As uvloop has them."""

    def __init__(self, callback: Any) -> None:
        self.callback = callback


class Uvloop:
    """Keeps its timers where only the collector of garbage sees them."""

    __slots__ = ("_ready", "_timers")

    def __init__(self, *timers: Any) -> None:
        self._ready: list[Any] = []
        self._timers = set(timers)


async def test_a_timer_of_uvloop_leads_to_a_task() -> None:
    async with running(asyncio.sleep(0), asyncio.sleep(0)) as (task, other):
        loop = Uvloop("no timer", TimerHandle(task.cancel))
        assert end_of_a_timer([task], [loop])
        assert not end_of_a_timer([other], [loop])


async def test_what_leads_to_too_much_is_not_read_to_its_end() -> None:
    loop = asyncio.get_running_loop()
    async with running(asyncio.sleep(0)) as (task,):
        timer = loop.call_later(60, partial(len, [[] for _ in range(2_000)], [task]))
        assert not end_of_a_timer([task], [loop])
        timer.cancel()


async def by_hand(lock: asyncio.Lock) -> None:
    async with lock:
        lock.release()
        await lock.acquire()
        await asyncio.sleep(60)


@contextlib.contextmanager
def released(lock: asyncio.Lock) -> Iterator[None]:
    lock.release()
    yield


@contextlib.contextmanager
def watched(lock: asyncio.Lock) -> Iterator[None]:
    assert lock.locked()
    yield
    assert lock.locked()


async def by_a_manager(lock: asyncio.Lock) -> None:
    async with lock:
        with released(lock):
            await asyncio.sleep(60)


class Releases:
    def __init__(self, lock: asyncio.Lock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        self.lock.release()

    def __exit__(self, *_: object) -> None: ...


async def by_an_object(lock: asyncio.Lock) -> None:
    async with lock:
        with Releases(lock):
            await asyncio.sleep(60)


async def not_at_all(lock: asyncio.Lock) -> None:
    async with lock:
        with watched(lock):
            await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("work", "may"), [(by_hand, True), (by_a_manager, True), (by_an_object, True), (not_at_all, False)]
)
async def test_code_inside_of_a_block_may_have_let_go(work: Callable[[asyncio.Lock], Any], may: bool) -> None:
    lock = asyncio.Lock()
    async with running(work(lock)) as (task,):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        links = list(chain(task.get_coro()))
        assert may_have_let_go(lock, links) is may
        if not lock.locked():
            await lock.acquire()
