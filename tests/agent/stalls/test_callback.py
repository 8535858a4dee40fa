"""Which callback a loop runs next, where it shows no frame."""

from __future__ import annotations

import _thread
import asyncio
import functools
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.stalls.callback import callback


def spin() -> None:
    pass


class Handler:
    def handle(self) -> None:
        pass

    def __call__(self) -> None:
        pass


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def named(*callbacks: Any) -> list[str]:
    loop = SimpleNamespace(_ready=[SimpleNamespace(_callback=one) for one in callbacks])
    return [frame["function"].rpartition(".")[2] for frame in callback(loop, sys._getframe())]


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (spin, ["spin"]),
        (functools.partial(functools.partial(spin), 1), ["spin"]),
        (Handler().handle, ["handle"]),
        (Handler(), ["Handler"]),
        (time.sleep, ["sleep"]),
        ([].append, ["append"]),
    ],
)
def test_a_callback_is_named_as_its_code_is(found: Any, name: list[str]) -> None:
    assert named(found) == name


async def test_of_a_task_it_is_the_await_stack() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    frames = callback(asyncio.get_running_loop(), sys._getframe())
    task.cancel()
    assert [frame["function"].rpartition(".")[2] for frame in frames] == ["outer", "inner", "sleep", "__sleep0"]
    assert frames[0]["file"] == __file__


def test_without_a_callback_there_is_nothing() -> None:
    assert named() == []
    assert callback(object(), sys._getframe()) == []
    assert callback(Hostile(), sys._getframe()) == []
    assert named(Hostile()) == ["Hostile"]


def test_what_a_handle_runs_is_read_from_it() -> None:
    entered, leave = threading.Lock(), threading.Lock()

    def _run(self: Any) -> None:
        entered.release()
        leave.acquire()
        del self

    entered.acquire()
    leave.acquire()
    # A thread that nobody traces: of one that is, its variables are not read.
    thread = _thread.start_new_thread(_run, (SimpleNamespace(_callback=time.sleep),))
    entered.acquire()
    found = callback(object(), sys._current_frames()[thread])
    leave.release()
    assert [frame["function"] for frame in found] == ["sleep"]
