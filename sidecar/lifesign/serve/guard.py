"""Middleware in front of the apps: request limits, Host and Origin checks, and security headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-lifesign"  # needs a CORS preflight from another origin, which is never answered
HEADER_BYTES = 16 << 10

_SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class SmallRequests:
    """Refuses requests that bring a body, which nothing here reads, or headers beyond `HEADER_BYTES`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        app: ASGIApp = self._app
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            app = PlainTextResponse("413: a request body is not accepted here\n", 413, {"connection": "close"})
        elif sum(len(name) + len(value) for name, value in headers.raw) > HEADER_BYTES:
            app = PlainTextResponse("431: too many headers\n", 431, {"connection": "close"})
        await app(scope, receive, send)


class LocalOnly:
    """Rejects DNS rebinding and cross-site requests, and adds security headers to every response.

    Args:
        app: the app behind it.
        host: the host that the server is bound to, allowed beside the loopback names.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SECURITY_HEADERS)
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._is_allowed(_hostname(hosts[0])):
            return PlainTextResponse(
                "421: this page is served only for localhost and the address it is bound to (LIFESIGN_PAGE_ADDR)\n", 421
            )
        if request.url.path.startswith("/api/") and request.headers.get("sec-fetch-site", "none") not in (
            "same-origin",
            "none",
        ):
            return PlainTextResponse("403: cross-site request\n", 403)
        if request.method == "POST":
            origin = request.headers.get("origin")
            if origin is not None and origin.lower() not in _origins(hosts[0]):
                return PlainTextResponse("403: cross-site request\n", 403)
            if request.headers.get(HEADER) != "1":
                return PlainTextResponse("403: send the header X-Lifesign: 1\n", 403)
        return None

    def _is_allowed(self, hostname: str) -> bool:
        if hostname in ("localhost", self._host) or hostname.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(hostname).is_loopback
        except ValueError:
            return False


def _hostname(host: str) -> str:
    """``[::1]:7317`` -> ``::1``."""
    name, colon, port = host.rpartition(":")
    bare = name if colon and port.isdigit() else host
    return bare.removeprefix("[").removesuffix("]").lower()


def _origins(host: str) -> Iterable[str]:
    return (f"http://{host.lower()}", f"https://{host.lower()}")
