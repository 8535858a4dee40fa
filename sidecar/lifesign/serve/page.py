"""The local page: its files, and the API that feeds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from importlib import resources
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifesign.serve.api import Api
from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board
from lifesign.serve.feed import INTERVAL_S
from lifesign.serve.guard import LocalOnly, SmallRequests

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_START = "/index.html"


def page_app(
    board: Board, actions: Actions, *, host: str, lookups: Lookups | None = None, interval: float = INTERVAL_S
) -> Starlette:
    """The app of the local page.

    Args:
        board: what it shows.
        actions: what a process can be asked for.
        host: the host of the address that the page is served on.
        lookups: where it finds what is not on the board.
        interval: seconds between two events of a stream, at least.
    """
    static = resources.files("lifesign.serve").joinpath("static")
    routes = [
        Route("/" if path == _START else path, _static(file), methods=["GET"]) for path, file in _files(static, "")
    ]
    routes += Api(board, actions, lookups or Lookups(), interval).routes()
    return Starlette(routes=routes, middleware=[Middleware(LocalOnly, host=host), Middleware(SmallRequests)])


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{path}/{entry.name}")
        elif entry.name.rpartition(".")[2] in _TYPES:
            yield f"{path}/{entry.name}", entry


def _static(file: Traversable) -> Callable[[Request], Awaitable[Response]]:
    content, media_type = file.read_bytes(), _TYPES[file.name.rpartition(".")[2]]

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer
