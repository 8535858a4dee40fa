"""How primitives are described, by the name of their class: those of other libraries as these have them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks.waiting import kinds
from support.rows import rows


def made(cls: str, **attributes: Any) -> Any:
    """An object of a class of that name, in a module of that name."""
    module, _, name = cls.rpartition(".")
    thing = type(name, (), {"__module__": module})()
    vars(thing).update(attributes)
    return thing


def state(thing: Any) -> str:
    kind = kinds.kind(thing)
    assert kind is not None
    return kind.state(thing)


ASYNCPG = "asyncpg.pool.Pool"
AIOHTTP = "aiohttp.connector.BaseConnector"
HOSTS = {"a": {1}, "b": {2, 3}}
SQLALCHEMY = "sqlalchemy.pool.impl.QueuePool"
PSYCOPG = "psycopg_pool.pool_async.AsyncConnectionPool"
STREAM = "anyio.streams.memory.MemoryObjectReceiveStream"


@rows(
    ("thing", "said"),
    [
        (made(ASYNCPG, _holders=[SimpleNamespace(_in_use=1), object()], _maxsize=9), "1 of 9 connections in use"),
        (made(ASYNCPG), ""),
        (made(AIOHTTP, _acquired={1, 2}, _limit=100), "2 of 100 connections in use"),
        (
            made(AIOHTTP, _acquired={1, 2, 3}, _limit=100, _limit_per_host=2, _acquired_per_host=HOSTS),
            "2 of 2 connections to one host in use",
        ),
        (
            made(AIOHTTP, _acquired={1}, _limit=100, _limit_per_host=2, _acquired_per_host={"a": {1}, "b": 7}),
            "1 of 100 connections in use",
        ),
        # Five are kept, ten more may come; three were opened, of which one is idle.
        (
            made(
                SQLALCHEMY,
                _pool=SimpleNamespace(maxsize=5, _queue=SimpleNamespace(_queue=deque([1]))),
                _overflow=-2,
                _max_overflow=10,
            ),
            "2 of 15 connections in use",
        ),
        (made(SQLALCHEMY), ""),
        (made(PSYCOPG, _nconns=4, _pool=deque([1]), _max_size=10), "3 of 10 connections in use"),
        (made(PSYCOPG), ""),
        (
            made(
                "websockets.asyncio.connection.Connection",
                transport=SimpleNamespace(_extra={"peername": ("10.0.0.7", 9001)}, _server=None),
            ),
            "server at port 9001",
        ),
        (
            made("redis.asyncio.connection.ConnectionPool", _in_use_connections={1, 2}, max_connections=2),
            "2 of 2 connections in use",
        ),
        (
            made("httpcore.AsyncConnectionPool", _requests=[SimpleNamespace(connection=1)], _max_connections=10),
            "1 of 10 connections in use",
        ),
        (made("aiohttp.connector.BaseConnector", _acquired={1}, _limit=100), "1 of 100 connections in use"),
        (made("anyio.CapacityLimiter", _borrowers={1: 2}, _total_tokens=1), "1 of 1 in use"),
        (made("anyio.Lock", _owner_task=1), "locked"),
        (made("anyio.Semaphore", _value=1, _max_value=2), "1 of 2 free"),
        (made("anyio.Semaphore", _value=1, _max_value=None), "1 free"),
        (made("anyio.Semaphore"), ""),
        (made(STREAM), ""),
        (made(STREAM, _state=SimpleNamespace(buffer=deque(), max_buffer_size=1)), "empty"),
        (made(STREAM, _state=SimpleNamespace(buffer=deque([1]), max_buffer_size=1)), "full, 1 of 1"),
        (made(STREAM, _state=SimpleNamespace(buffer=deque([1]), max_buffer_size=2)), "1 in it"),
    ],
)  # fmt: skip
def test_of_other_libraries(thing: Any, said: str) -> None:
    assert state(thing) == said


@rows(
    ("cls", "label"),
    [
        (f"{module}.{name}", name)
        for module in ("anyio", "anyio._core._synchronization")
        for name in ("Lock", "Event", "Condition", "Semaphore", "CapacityLimiter")
    ],
)
def test_anyios_are_known_by_the_module_that_they_are_in_too(cls: str, label: str) -> None:
    found = kinds.kind(made(cls))
    assert found is not None
    assert (found.label, found.package) == (label, "anyio")


@rows(
    ("attributes", "said"),
    [
        ({"_sockets": None, "_active_count": 1}, "1 connection of it is open"),
        ({"_sockets": None, "_clients": {1, 2}}, "2 connections of it are open"),
        ({"_sockets": None, "_active_count": 0}, ""),
        ({"_sockets": [object()], "_active_count": 1}, ""),  # it serves
    ],
)
def test_a_server_that_is_closed(attributes: Any, said: str) -> None:
    assert state(made("asyncio.base_events.Server", **attributes)) == said


async def test_a_queue_that_is_neither_empty_nor_full() -> None:
    bounded: asyncio.Queue[int] = asyncio.Queue(5)
    endless: asyncio.Queue[int] = asyncio.Queue()
    for queue in (bounded, endless):
        queue.put_nowait(1)
        queue.put_nowait(2)
    assert (state(bounded), state(endless)) == ("2 of 5 in it", "2 in it")


async def test_a_class_of_the_users_that_derives_from_one_and_what_is_none() -> None:
    class Own(asyncio.Lock):
        pass

    assert state(Own()) == "free"
    assert kinds.kind(object()) is None


async def test_however_many_classes_there_are_they_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_TYPES_MAX", 0)

    class Newest(asyncio.Event):
        pass

    assert state(Newest()) == "not set"
    assert Newest not in kinds._known


def test_a_class_that_cannot_be_asked_is_none() -> None:
    class Odd(type):
        def __hash__(cls) -> int:
            raise RuntimeError("no")

    class Thing(metaclass=Odd):
        pass

    assert kinds.kind(Thing()) is None


def test_a_class_is_not_kept_alive() -> None:
    cls = type("Lock", (), {"__module__": "asyncio.locks"})
    assert kinds.kind(cls()) is not None
    gone = weakref.ref(cls)
    del cls
    gc.collect()
    assert gone() is None


def in_uvloop(cls: str, *parts: Any, peer: Any = None) -> Any:
    """A transport of uvloop's, which shows its parts to the collector alone."""

    def get_extra_info(self: Any, name: str) -> Any:
        if name == "peername" and peer is not None:
            return peer
        raise OSError

    slots = [f"part{number}" for number in range(len(parts))]
    transport = type(cls, (), {"__module__": "uvloop.loop", "__slots__": slots, "get_extra_info": get_extra_info})()
    for slot, part in zip(slots, parts):
        setattr(transport, slot, part)
    return transport


CHILD = SimpleNamespace(pid=1 << 30, returncode=0)
OUTPUT = made("asyncio.base_subprocess.ReadSubprocessPipeProto", proc=CHILD)


@rows(
    ("transport", "said"),
    [
        (in_uvloop("TCPTransport", peer=("10.0.0.7", 6379)), "server at port 6379"),
        (in_uvloop("TCPTransport", made("uvloop.loop.Server"), peer=("10.0.0.7", 41000)), "a client"),
        (in_uvloop("TCPTransport"), ""),  # it is closed
        (in_uvloop("ReadUnixTransport", OUTPUT), f"a pipe of pid {1 << 30}, has ended"),
        (in_uvloop("UnixTransport"), ""),
        (in_uvloop("_SSLProtocolTransport", peer=("10.0.0.7", 443)), ""),  # of a client as of a server
    ],
)
def test_the_other_end_in_uvloop(transport: Any, said: str) -> None:
    assert state(made("asyncio.streams.StreamReader", _transport=transport)) == said
