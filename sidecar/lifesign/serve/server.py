"""HTTP in the sidecar's event loop: uvicorn without its signal handlers and access log, and with tight timeouts."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from lifesign.errors import SettingError
from lifesign.serve.connections import REQUEST_TIMEOUT_S, Connections, TimedProtocol

REQUEST_BYTES = 16 << 10  # of a request that is still arriving; see `serve.guard` for whole ones
BACKLOG = 1024  # connections that the kernel keeps until they are accepted
ACCEPTED = 16  # of them at a time: what was accepted before is read before it has to give way to them
CLOSE_S = 2.0


class Server:
    """Serves one ASGI app on one address.

    Args:
        app: the app, see `serve.page` and `serve.endpoints`.
        address: host and port; port 0 takes a free one.
        setting: the flag or variable that set the address, for errors.
    """

    def __init__(self, app: ASGIApp, address: tuple[str, int], *, setting: str) -> None:
        self._app = app
        self._address = address
        self._setting = setting
        self._server: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None
        self.url = ""  # the bound address, once started

    async def start(self) -> None:
        """Bind, then serve in a task of the running loop.

        Raises:
            SettingError: the address is in use, not permitted, or not an address of this machine.
        """
        listener = await self._bind()
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._server = _Uvicorn(
            uvicorn.Config(
                self._app,
                http=TimedProtocol.of(Connections()),  # type: ignore[arg-type]  # any factory will do
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level=logging.ERROR,  # our bugs are logged with a traceback, bad requests are not
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=ACCEPTED,
                timeout_keep_alive=int(REQUEST_TIMEOUT_S),
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=REQUEST_BYTES,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name=f"lifesign serve {self.url}")

    async def close(self) -> None:
        """Close within `CLOSE_S` seconds, whoever is still connected. Idempotent."""
        if self._server is None or self._serving is None:
            return
        self._server.ending.set()
        _, late = await asyncio.wait({self._serving}, timeout=CLOSE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)

    async def _bind(self) -> socket.socket:
        host, port = self._address
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except OSError as error:
            raise self._cannot(error) from None
        failures: list[OSError] = []
        for family, kind, protocol, _, address in found:
            # A name may resolve to an address that this machine lacks, such as ::1 for localhost.
            with _collected(failures):
                return _listen(family, kind, protocol, address)
        raise self._cannot(failures[0])

    def _cannot(self, error: OSError) -> SettingError:
        host, port = self._address
        hint = {
            errno.EADDRINUSE: "another program listens there: end it, or take another port (port 0 takes a free one)",
            errno.EACCES: "this user may not listen there: take a port above 1023",
        }.get(error.errno or 0, "take an address of this machine, such as 127.0.0.1")
        return SettingError(f"{self._setting}={host}:{port} cannot be listened on: {error.strerror or error}", hint)


@contextlib.contextmanager
def _collected(failures: list[OSError]) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        failures.append(error)


def _listen(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: int, address: tuple[str, int] | tuple[object, ...]
) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        # Listen before the URL is known to anybody: clients may connect at once.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the command, and sleeps until there is something to do."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio takes the number that it accepts at a time for the backlog, too

    async def main_loop(self) -> None:
        # uvicorn wakes up ten times a second to check whether it should exit.
        await self.on_tick(0)
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        # uvicorn sleeps for a while here, whether there is anybody to wait for or not.
        for closing in (*self.servers, *(sockets or ())):
            closing.close()
