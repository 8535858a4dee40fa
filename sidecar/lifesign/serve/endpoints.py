"""The health endpoints; `serve.health` says what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lifesign.judge.health import Health
from lifesign.serve.board import Board
from lifesign.serve.guard import SmallRequests
from lifesign.serve.health import (
    SidecarHealth,
    app_livez,
    app_readyz,
    app_startupz,
    sidecar_livez,
    sidecar_readyz,
)

# One request a connection, as the kubelet does it: nobody can queue requests ahead of a probe.
_HEADERS = {"cache-control": "no-store", "connection": "close"}


def health_app(board: Board, sidecar: Callable[[], SidecarHealth]) -> Starlette:
    """``/livez``, ``/readyz`` and ``/app/{livez,readyz,startupz}``: 200 ``ok`` or 503, ``?verbose`` says why.

    Nothing here changes anything: whoever reaches the pod reaches this port. There is no Host check, because the
    kubelet connects to the pod's IP address.

    Args:
        board: the newest snapshots of the main processes.
        sidecar: returns the health of the sidecar, called at every request.
    """
    judges: dict[str, Callable[[], Health]] = {
        "/livez": lambda: sidecar_livez(sidecar()),
        "/readyz": lambda: sidecar_readyz(sidecar()),
        "/app/livez": lambda: app_livez(sidecar(), board.watched()),
        "/app/readyz": lambda: app_readyz(board.watched(), sidecar().others),
        "/app/startupz": lambda: app_startupz(board.watched(), sidecar().others),
    }

    routes = [Route(path, _endpoint(judge), methods=["GET"]) for path, judge in judges.items()]
    return Starlette(routes=routes, middleware=[Middleware(SmallRequests)])


def _endpoint(judge: Callable[[], Health]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        verdict = judge()
        word = "ok" if verdict.ok else "failed"
        lines = (*verdict.lines, word) if "verbose" in request.query_params else (word,)
        return PlainTextResponse("\n".join(lines) + "\n", 200 if verdict.ok else 503, _HEADERS)

    return answer
