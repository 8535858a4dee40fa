"""A plain HTTP client on asyncio streams: it sends exactly what a test says, also what no client should."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lifesign.serve.behind import Actions
from lifesign.serve.server import Server
from support.waiting import in_time

NOTHING = Actions(lambda key: 1, lambda key: 1)  # for a page that is asked for nothing


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """A real server on a free port of 127.0.0.1; gives the port."""
    server = Server(app, ("127.0.0.1", 0), setting="--page-addr")
    await server.start()
    try:
        yield int(server.url.rpartition(":")[2])
    finally:
        await server.close()


class Stage:
    """One server for the tests of a module: each test puts its own app on it."""

    def __init__(self) -> None:
        self.app: ASGIApp = PlainTextResponse("nothing is on")
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def ask(port: int, path: str, method: str = "GET", body: bytes = b"", **headers: str | None) -> Answer:
    """One request on a connection of its own; a header that is None is left out."""
    lines = {"host": f"127.0.0.1:{port}", "connection": "close"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in {**lines, **given}.items() if value is not None}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n"
    return parse(await exchange(port, head.encode("latin-1") + body))


async def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, read to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await in_time(reader.read())
    finally:
        await hang_up(writer)


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    """Close connections, whatever state they are in."""
    for writer in writers:
        writer.close()
    for writer in writers:
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def parse(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, body)


class Events:
    """An open stream of server-sent events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
        self.status = status
        self._reader = reader
        self._writer = writer

    async def event(self) -> tuple[str, Any]:
        """The next event, and what it is called; chunk lengths between the lines are skipped."""
        name = ""
        while True:
            line = await in_time(self._reader.readline())
            if not line:
                raise EOFError
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            if line.startswith(b"data: "):
                return name, msgspec.json.decode(line[6:])

    async def state(self) -> Any:
        """The next rows that have changed."""
        while True:
            name, content = await self.event()
            if name == "rows":
                return content

    async def line(self) -> bytes:
        return await in_time(self._reader.readline())

    async def close(self) -> None:
        await hang_up(self._writer)


async def listen(port: int, path: str = "/api/v1/stream") -> Events:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n".encode())
    first = await in_time(reader.readline())
    return Events(reader, writer, int(first.split()[1]))
