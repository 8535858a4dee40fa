"""Whoever reaches the port cannot keep a probe, or the page, from being answered. Real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lifesign.serve import connections
from lifesign.serve.board import Board
from lifesign.serve.endpoints import health_app
from lifesign.serve.health import SidecarHealth
from lifesign.serve.page import page_app
from support.made.boards import snapshot
from support.made.client import NOTHING, ask, exchange, hang_up, listen, serving
from support.waiting import in_time

WAITING = 40
FLOOD = 200


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is twice what the server takes, and no connection of it goes by itself before a test is over."""
    monkeypatch.setattr(connections, "WAITING", WAITING)
    monkeypatch.setattr(connections, "CONNECTIONS", FLOOD // 2)
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 60.0)


class Flood:
    """Connections that bring no request, or one byte of it at a time; those that are closed come back."""

    def __init__(self, port: int, first: bytes, host: str = "127.0.0.1") -> None:
        self._port = port
        self._first = first
        self._host = host
        self._sockets: list[socket.socket] = []

    def go_on(self) -> None:
        for one in list(self._sockets):
            try:
                one.send(self._first[:1])
            except BlockingIOError:
                continue
            except OSError:
                one.close()
                self._sockets.remove(one)
        while len(self._sockets) < FLOOD:
            one = socket.socket()
            one.setblocking(False)
            one.bind((self._host, 0))
            one.connect_ex(("127.0.0.1", self._port))
            self._sockets.append(one)

    def stop(self) -> None:
        for one in self._sockets:
            one.close()


@contextlib.asynccontextmanager
async def flooded(app: ASGIApp, first: bytes, host: str = "127.0.0.1") -> AsyncIterator[tuple[int, Flood]]:
    async with serving(app) as port:
        flood = Flood(port, first, host)
        try:
            yield port, flood
        finally:
            flood.stop()


def health() -> ASGIApp:
    board = Board()
    board.update([snapshot()])
    return health_app(board, lambda: SidecarHealth(0.1, 0.25))


def page() -> ASGIApp:
    return page_app(Board(), NOTHING, host="127.0.0.1")


@pytest.mark.parametrize(
    ("app", "path", "first"),
    [
        (health, "/app/livez", b""),
        (health, "/app/livez", b"GET / HTTP/1.1"),
        (page, "/api/v1/processes", b"GET / HTTP/1.1"),
    ],
    ids=["health, silent", "health, slow loris", "page, slow loris"],
)
async def test_a_probe_is_answered_under_a_flood(app: Callable[[], ASGIApp], path: str, first: bytes) -> None:
    async with flooded(app(), first) as (port, flood):
        for _ in range(2):
            flood.go_on()
            assert (await ask(port, path)).status == 200


async def test_the_address_with_the_most_connections_gives_way() -> None:
    async with flooded(health(), b"", host="127.0.0.2") as (port, flood):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        flood.go_on()
        for _ in range(2):
            assert (await ask(port, "/app/livez")).status == 200  # it is behind the flood
        writer.write(b"GET /app/livez HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await in_time(reader.readline())).startswith(b"HTTP/1.1 200")
        await hang_up(writer)


async def test_requests_cannot_be_queued_ahead_of_a_probe() -> None:
    async with serving(health()) as port:
        answers = await exchange(port, b"GET /app/livez HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
    assert answers.count(b"HTTP/1.1 ") == 1


async def test_a_response_that_is_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.02)
    ended = asyncio.Event()

    async def zeros() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"0" * 65536
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(zeros())(scope, receive, send)

    async with serving(endless) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.wait_for(ended.wait(), 30)
        await hang_up(writer)


async def test_beyond_a_limit_connections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS", 2)
    app = page_app(Board(), NOTHING, host="127.0.0.1")
    async with serving(app) as port:
        streams = [await listen(port) for _ in range(2)]
        with pytest.raises((ConnectionError, IndexError)):  # reset, or an empty answer
            await ask(port, "/api/v1/processes")
        for stream in streams:
            await stream.close()


async def test_a_stream_goes_on_under_a_flood_of_requests_for_another_host() -> None:
    board = Board()
    async with serving(page_app(board, NOTHING, host="127.0.0.1")) as port:
        stream = await listen(port)
        assert (await stream.state())["rows"] == []
        answers = await asyncio.gather(*(ask(port, "/api/v1/processes", host="evil.example") for _ in range(WAITING)))
        assert {answer.status for answer in answers} == {421}
        assert not any(b"rows" in answer.body for answer in answers)
        board.update([snapshot("1-a")])
        assert [row["key"] for row in (await stream.state())["rows"]] == ["1-a"]
        await stream.close()
