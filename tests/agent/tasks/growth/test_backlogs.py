"""Queues without a limit and bytes that wait to be sent, of which there is ever more, and those that only vary."""

from __future__ import annotations

import asyncio
import queue
import socket
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks import dump
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.tasks.growth import backlogs
from lifesign.agent.tasks.growth.backlogs import Backlogs, methods
from lifesign.agent.tasks.pace import Pace
from lifesign.agent.tasks.population import Some
from lifesign.agent.tasks.survey import Survey
from lifesign.agent.tasks.waiting.ages import Ages

TRACED = sys.gettrace() is not None  # as by coverage: of such frames no variables are read
LETTERS: asyncio.Queue[int] = asyncio.Queue() if hasattr(asyncio, "Runner") else None  # type: ignore[assignment]


class Feed:
    """Has queues of each kind, in attributes and containers."""

    def __init__(self) -> None:
        self.ticks: asyncio.Queue[int] = asyncio.Queue()
        self.limited: asyncio.Queue[int] = asyncio.Queue(1_000_000)
        self.listeners = {1: asyncio.Queue[int]()}
        self.rows: queue.Queue[int] = queue.Queue()
        self.lines: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.name, self.prices = "feed", {"a": 1}

    def fill(self, count: int) -> None:
        for one in (self.ticks, self.limited, self.rows, self.lines, *self.listeners.values()):
            for number in range(count):
                one.put_nowait(number)

    async def takes(self) -> None:
        await asyncio.sleep(60)
        await self.ticks.get()

    async def puts(self) -> None:
        await asyncio.sleep(60)
        self.prices.get("a")
        self.ticks.put_nowait(1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves by ten seconds each time that it is read."""
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr(backlogs, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    return now


def look(found: Backlogs, tasks: list[Any], loop: Any) -> dict[str, Any]:
    groups = Survey(Some(tasks, loop), Pace(lambda: None, 0), Ages()).groups
    found.look(groups, [loop], lambda: None)
    return {one["name"]: one for one in found.growing()}


@pytest.mark.parametrize("grows", [True, False])
async def test_a_queue_that_only_grows_and_who_takes_from_it(grows: bool, clock: Any) -> None:
    feed, found, loop = Feed(), Backlogs(), asyncio.get_running_loop()
    tasks = [asyncio.create_task(feed.takes()), asyncio.create_task(feed.puts())]
    await asyncio.sleep(0)
    feed.fill(500)
    assert look(found, tasks, loop) == {}
    feed.fill(300)
    assert look(found, tasks, loop) == {}
    feed.fill(700 if grows else 0)
    seen = look(found, tasks, loop)
    assert set(seen) == ({"Feed.ticks", "Feed.rows", "Feed.lines", "Feed.listeners[...]"} if grows else set())
    for task in tasks:
        task.cancel()
    if not grows:
        return
    ticks, others = seen.pop("Feed.ticks"), seen.values()
    assert (ticks["type"], ticks["size"], ticks["before"], ticks["seconds"]) == ("Queue", 1500, 500, 20.0)
    assert {one["type"] for one in others} == {"queue.Queue", "queue.SimpleQueue", "Queue"}
    assert [(one["takes"], one["puts"]) for one in others] == [(None, None)] * 3
    feed.ticks.get_nowait()
    assert "Feed.ticks" not in look(found, tasks, loop)
    if not TRACED:
        code = {name: ticks[name]["function"].rpartition(".")[2] for name in ("takes", "puts")}
        assert code == {"takes": "takes", "puts": "puts"}


async def test_who_fills_it_is_the_largest_group_and_not_who_began(clock: Any) -> None:
    links, found, loop = asyncio.Queue[int](), Backlogs(), asyncio.get_running_loop()

    async def follows() -> None:
        await asyncio.sleep(60)
        links.put_nowait(await links.get())

    async def begins() -> None:
        links.put_nowait(1)
        await asyncio.sleep(60)

    tasks = [asyncio.create_task(one()) for one in (follows, follows, begins)]
    await asyncio.sleep(0)
    seen: dict[str, Any] = {}
    for _ in range(3):
        for number in range(1000):
            links.put_nowait(number)
        seen = look(found, tasks, loop)
    (one,) = seen.values()
    if not TRACED:
        assert [one[name]["function"].rpartition(".")[2] for name in ("takes", "puts")] == ["follows", "follows"]
    for task in tasks:
        task.cancel()


async def test_a_queue_in_a_variable_and_a_global_and_one_that_is_gone(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, loop, kept = Backlogs(), asyncio.get_running_loop(), [asyncio.Queue[int]()]
    monkeypatch.setitem(globals(), "LETTERS", asyncio.Queue())

    async def takes(mine: asyncio.Queue[int]) -> None:
        await asyncio.sleep(60)
        LETTERS.put_nowait(await mine.get())

    async def closes_over() -> None:
        await asyncio.sleep(60)
        kept.clear()

    tasks = [asyncio.create_task(takes(kept[0])), asyncio.create_task(closes_over())]
    await asyncio.sleep(0)
    seen: dict[str, Any] = {}
    for _ in range(3):
        for number in range(1000):
            kept[0].put_nowait(number)
            LETTERS.put_nowait(number)
        seen = look(found, tasks, loop)
    assert {name: one["takes"] is not None for name, one in seen.items()} == {"": not TRACED, "LETTERS": False}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    kept.clear()
    tasks.clear()
    monkeypatch.undo()
    assert look(found, [], loop) == {}


async def test_bytes_that_a_client_does_not_take(clock: Any) -> None:
    clients: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found, loop, seen = Backlogs(), asyncio.get_running_loop(), dict[str, Any]()
    with socket.create_connection(server.sockets[0].getsockname()):
        while not clients:
            await asyncio.sleep(0)
        for _ in range(3):
            clients[0].write(bytes(12 << 20))
            seen = look(found, [], loop)
        clients[0].transport.abort()
        server.close()
    sent = seen["a client"]
    assert (sent["type"], sent["size"] > sent["before"] > 8 << 20) == ("bytes", True)


def test_a_buffer_of_many_parts_and_what_cannot_be_measured() -> None:
    class Transport:
        _buffer: Any = [bytes(100)] * 5000

    assert backlogs._size(Transport()) == 500_000
    Transport._buffer = [bytes(100)] * 5
    assert backlogs._size(Transport()) == 500
    Transport._buffer = [1, 2]
    assert backlogs._size(Transport()) is None
    assert backlogs._size(object()) is None


def test_the_methods_that_a_function_calls_by_name() -> None:
    async def works(self: Any, mine: Any) -> None:
        for number in range(3):
            self.ticks.put_nowait(number)
        await mine.get()
        self.made().get()
        await LETTERS.put(await self.inner.orders.get())

    assert methods(works.__code__, {"get", "put", "put_nowait"}) == [
        ("self", "ticks", "put_nowait"),
        ("mine", "get"),
        ("LETTERS", "put"),
        ("self", "inner", "orders", "get"),
    ]


async def test_that_something_grows_is_a_reason_for_a_dump_once(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "SEARCH_PRICE", 0)
    feed, loop = Feed(), asyncio.get_running_loop()
    task = asyncio.create_task(feed.takes())
    await asyncio.sleep(0)
    tasks = Tasks(lambda: [loop], lambda: {threading.get_ident(): loop}, search_seconds=0.0)
    said = []
    for _ in range(4):
        feed.fill(1000)
        said.append(tasks.search(lambda: None))
    task.cancel()
    assert said == ["", "", "backlog", ""]
    assert next(clock) == 40
