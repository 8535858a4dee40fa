"""The local page: one HTML page, its state as JSON and as an event stream, stacks, and the button for a task dump."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lifesign.errors import LifesignError, NotWatchedError
from lifesign.off_loop import off_loop
from lifesign.serve.board import Board
from lifesign.serve.guard import LocalOnly, SmallRequests

STREAMS = 8  # open event streams
INTERVAL_S = 0.25  # at most four states a second ...
BYTES_PER_SECOND = 1 << 20  # ... and fewer where one is big
KEEP_ALIVE_S = 10.0

_STATIC = {
    "/": ("index.html", "text/html"),
    "/app.css": ("app.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
    "/card.js": ("card.js", "text/javascript"),
    "/dom.js": ("dom.js", "text/javascript"),
    "/dump.js": ("dump.js", "text/javascript"),
    "/stalls.js": ("stalls.js", "text/javascript"),
    "/flame.css": ("flame.css", "text/css"),
    "/flame.js": ("flame.js", "text/javascript"),
    "/stacks.js": ("stacks.js", "text/javascript"),
    "/strip.js": ("strip.js", "text/javascript"),
}


def page_app(board: Board, request_dump: Callable[[str], int], *, host: str) -> Starlette:
    """The app of the local page.

    Args:
        board: what it shows.
        request_dump: requests a task dump of the process with this key and returns the number of the
            request; raises `NotWatchedError` or another `LifesignError`.
        host: the host of the address that the page is served on.
    """
    page = _Page(board, request_dump)
    routes = [Route(path, _static(*file), methods=["GET"]) for path, file in _STATIC.items()]
    routes += [
        Route("/api/state", page.state, methods=["GET"]),
        Route("/api/events", page.events, methods=["GET"]),
        Route("/api/processes/{key}/stacks", page.stacks, methods=["GET"]),
        Route("/api/processes/{key}/dump", page.dump, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(LocalOnly, host=host), Middleware(SmallRequests)])


class _Page:
    def __init__(self, board: Board, request_dump: Callable[[str], int]) -> None:
        self._board = board
        self._request_dump = request_dump
        self._encoder = msgspec.json.Encoder()
        self._encoded = (-1, b"")
        self._streams = 0

    async def state(self, request: Request) -> Response:
        return Response(self._state(), media_type="application/json")

    async def events(self, request: Request) -> Response:
        if request.method == "HEAD":  # its body would never end
            return Response(media_type="text/event-stream")
        if self._streams >= STREAMS:
            return PlainTextResponse("503: too many pages are open\n", 503, {"retry-after": "5"})
        self._streams += 1
        return _Stream(self._events(), self._closed)

    async def stacks(self, request: Request) -> Response:
        found = self._board.flame(request.path_params["key"])
        if found is None:
            return PlainTextResponse("404: no such process\n", 404)
        return Response(found, media_type="application/json")

    async def dump(self, request: Request) -> Response:
        try:
            number = await off_loop(self._request_dump, request.path_params["key"])
        except NotWatchedError as error:
            return _refused(error, 404)
        except LifesignError as error:
            return _refused(error, 409)
        return Response(msgspec.json.encode({"request": number}), 202, media_type="application/json")

    def _state(self) -> bytes:
        """The state as JSON, encoded once for all clients."""
        if self._encoded[0] != self._board.version:
            self._encoded = (self._board.version, self._encoder.encode(self._board.state()))
        return self._encoded[1]

    async def _events(self) -> AsyncIterator[bytes]:
        sent, quiet = -1, 0.0
        while True:
            interval = INTERVAL_S
            if sent != self._board.version:
                state = self._state()
                sent, quiet = self._encoded[0], 0.0
                interval = max(INTERVAL_S, len(state) / BYTES_PER_SECOND)
                yield b"event: state\ndata: " + state + b"\n\n"
            elif quiet >= KEEP_ALIVE_S:
                quiet = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(interval)
            quiet += interval

    def _closed(self) -> None:
        self._streams -= 1


class _Stream(StreamingResponse):
    """A stream of events that reports its end, however it ends."""

    def __init__(self, content: AsyncIterator[bytes], closed: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self._when_closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._when_closed()


def _refused(error: LifesignError, status: int) -> Response:
    body = msgspec.json.encode({"what": error.what, "hint": error.hint})
    return Response(body, status, media_type="application/json")


def _static(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("lifesign.serve").joinpath("static", name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer
