"""The API of the page, documented in docs/api.md: everything that the page shows is here as JSON."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lifesign import semconv
from lifesign.errors import LifesignError, NotWatchedError
from lifesign.off_loop import off_loop
from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board, ShownProcess
from lifesign.serve.detail import detail
from lifesign.serve.feed import INTERVAL_S, SCHEMA, Feed
from lifesign.serve.shown.flame import flame

ROOT = "/api/v1"
STREAMS = 32  # open event streams; all tabs of a browser share one

_encoder = msgspec.json.Encoder()


class Api:
    """The routes below `ROOT`.

    Args:
        board: what they show.
        actions: what a process can be asked for.
        lookups: where the rest is found.
        interval: seconds between two events of a stream, at least.
    """

    def __init__(self, board: Board, actions: Actions, lookups: Lookups, interval: float = INTERVAL_S) -> None:
        self._board = board
        self._actions: Mapping[str, Callable[[str], int]] = actions._asdict()
        self._lookups = lookups
        self._interval = interval
        self._feed = Feed(board, time.time, lookups.problems)

    def routes(self) -> list[Route]:
        """For the app of the page."""
        of_one = f"{ROOT}/processes/{{key}}"
        return [
            Route(ROOT, self.index, methods=["GET"]),
            Route(f"{ROOT}/processes", self.processes, methods=["GET"]),
            Route(f"{ROOT}/stream", self.stream, methods=["GET"]),
            Route(f"{ROOT}/demo", self.demo, methods=["GET"]),
            Route(f"{ROOT}/demo/{{letter:str}}", self.press, methods=["POST"]),
            Route(of_one, self.process, methods=["GET"]),
            Route(f"{of_one}/tasks", self.tasks, methods=["GET"]),
            Route(f"{of_one}/stacks", self.stacks, methods=["GET"]),
            Route(f"{of_one}/history", self.history, methods=["GET"]),
            Route(f"{of_one}/timeline", self.timeline, methods=["GET"]),
            Route(f"{of_one}/{{action:str}}", self.ask, methods=["POST"]),
        ]

    async def index(self, request: Request) -> Response:
        return _json({"version": semconv.VERSION, "streams": self._board.viewers, "streams_max": STREAMS})

    async def processes(self, request: Request) -> Response:
        return _json(self._feed.processes())

    async def stream(self, request: Request) -> Response:
        if request.method == "HEAD":  # its body would never end
            return Response(media_type="text/event-stream")
        if self._board.viewers >= STREAMS:
            return PlainTextResponse(f"503: {STREAMS} pages are open already\n", 503, {"retry-after": "5"})
        self._board.viewers += 1
        hidden = request.query_params.get("view") == "verdict"
        events = self._feed.verdicts(self._interval) if hidden else self._feed.events(self._interval)
        return _Stream(events, self._closed)

    async def demo(self, request: Request) -> Response:
        return _json(await off_loop(self._lookups.demo.buttons))

    async def press(self, request: Request) -> Response:
        letter, demo = request.path_params["letter"], self._lookups.demo
        if letter not in [button.letter for button in await off_loop(demo.buttons)]:
            return PlainTextResponse("404: there is no such button\n", 404)
        try:
            await off_loop(demo.press, letter)
        except LifesignError as error:
            return _refused(error, 409)
        return Response(status_code=204)

    async def process(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _unknown()
        return _json(await off_loop(detail, found, self._lookups.excerpt))

    async def tasks(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _unknown()
        return _json(await off_loop(found.dumps.view, self._lookups.source))

    async def stacks(self, request: Request) -> Response:
        found = self._found(request)
        if found is None or found.snapshot is None:
            return _unknown()
        view = await off_loop(flame, found.snapshot)
        return Response(b'{"schema":%d,"data":%s}' % (SCHEMA, view), media_type="application/json")

    async def history(self, request: Request) -> Response:
        found = self._found(request)
        return _unknown() if found is None else _json(found.history.entries())

    async def timeline(self, request: Request) -> Response:
        found = self._found(request)
        after = request.query_params.get("after", "0")
        if found is None:
            return _unknown()
        return _json(found.timeline.view(int(after) if after.isdecimal() and len(after) < 16 else 0))

    async def ask(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["action"])
        if action is None:
            return PlainTextResponse("404: dump and checks can be asked for\n", 404)
        try:
            number = await off_loop(action, request.path_params["key"])
        except NotWatchedError as error:
            return _refused(error, 404)
        except LifesignError as error:
            return _refused(error, 409)
        return Response(_encoder.encode({"request": number}), 202, media_type="application/json")

    def _found(self, request: Request) -> ShownProcess | None:
        return self._board.shown(request.path_params["key"])

    def _closed(self) -> None:
        self._board.viewers -= 1


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


def _json(content: Any) -> Response:
    return Response(_encoder.encode({"schema": SCHEMA, "data": content}), media_type="application/json")


def _unknown() -> Response:
    return PlainTextResponse("404: no such process\n", 404)


def _refused(error: LifesignError, status: int) -> Response:
    body = _encoder.encode({"what": error.what, "hint": error.hint})
    return Response(body, status, media_type="application/json")
