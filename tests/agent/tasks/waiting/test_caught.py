"""Errors that tasks keep, each of a task that waits; and those that are none."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any, Awaitable, Callable

import pytest

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.waiting.caught import errors
from lifesign.agent.tasks.waiting.edges import together
from lifesign.agent.tasks.waiting.waits import look_alone
from lifesign.agent.tasks.walk import links
from support.rows import rows


def fails() -> None:
    raise ValueError("no price")


async def fails_soon() -> None:
    fails()


async def handles(over: asyncio.Event) -> None:
    try:
        fails()
    except ValueError:
        await over.wait()


async def cleans_up(over: asyncio.Event) -> None:
    try:
        fails()
    finally:
        await over.wait()


class Session:
    def __init__(self, over: asyncio.Event) -> None:
        self.over = over

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        await self.over.wait()


async def leaves(over: asyncio.Event) -> None:
    async with Session(over):
        fails()


async def gathers(over: asyncio.Event) -> None:
    await asyncio.gather(fails_soon(), over.wait(), return_exceptions=True)


async def waits(over: asyncio.Event) -> None:
    await asyncio.wait([asyncio.ensure_future(one) for one in (fails_soon(), over.wait())])


async def groups(over: asyncio.Event) -> None:
    async def stubborn() -> None:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(stubborn())
        group.create_task(fails_soon())


async def has_got_over_it(over: asyncio.Event) -> None:
    with contextlib.suppress(ValueError):
        fails()
    await over.wait()


async def was_handed_it(over: asyncio.Event) -> None:
    error = ValueError("of somebody else")
    await over.wait()
    del error


async def was_cancelled(over: asyncio.Event) -> None:
    try:
        raise asyncio.CancelledError
    except asyncio.CancelledError:
        await over.wait()


HANDLED = [handles, cleans_up, leaves]
COLLECTED = [gathers, waits, *([groups] if sys.version_info >= (3, 11) else [])]
NONE = [has_got_over_it, was_handed_it, was_cancelled]


async def kept(function: Callable[[asyncio.Event], Awaitable[None]]) -> list[Any]:
    over = asyncio.Event()
    task = asyncio.ensure_future(function(over))
    for _ in range(5):
        await asyncio.sleep(0)
    stack = links(task)
    collective = look_alone(stack).collective
    found = errors(stack, together(odd.waiter(task), collective), collective)
    over.set()
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.gather(other, return_exceptions=True)
    return [(one["type"], one["message"], (one["place"] or {}).get("function"), one["collected"]) for one in found]


@rows("function, collected", [*((one, False) for one in HANDLED), *((one, True) for one in COLLECTED)])
async def test_an_error_that_a_task_keeps(function: Any, collected: bool) -> None:
    assert await kept(function) == [("ValueError", "no price", "fails", collected)]


@rows("function", NONE)
async def test_what_a_task_has_got_over_was_handed_or_is_its_cancellation_is_none(function: Any) -> None:
    assert await kept(function) == []


BACKS_OFF = """
import asyncio

async def retry(function):
    try:
        function()
    except (ValueError, TimeoutError) as error:
        await asyncio.Event().wait()
"""


def times_out() -> None:
    raise TimeoutError


@rows("function, found", [(fails, ["ValueError"]), (times_out, [])])
async def test_a_package_that_tries_again_has_caught_the_error_but_for_the_time_outs_that_it_polls_by(
    function: Any, found: list[str]
) -> None:
    package: dict[str, Any] = {}
    exec(compile(BACKS_OFF, "/srv/.venv/lib/python3.12/site-packages/backoff/_async.py", "exec"), package)
    task = asyncio.ensure_future(package["retry"](function))
    await asyncio.sleep(0)
    assert [one["type"] for one in errors(links(task), (), ())] == found
    task.cancel()


async def test_of_many_errors_some_are_kept() -> None:
    several = [asyncio.get_running_loop().create_future() for _ in range(5)]
    for number, future in enumerate(several):
        future.set_exception(type(f"Error{number}", (Exception,), {})())
    assert [one["type"].rpartition(".")[2] for one in errors([], several, ())] == ["Error0", "Error1", "Error2"]
    assert [future.exception() for future in several]


async def test_of_very_many_futures_the_first_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifesign.agent.tasks.waiting.caught._COLLECTED_MAX", 1)
    futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
    futures[1].set_exception(ValueError())
    assert errors([], futures, ()) == []
    assert futures[1].exception() is not None
