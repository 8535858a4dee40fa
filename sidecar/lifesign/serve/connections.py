"""The open connections of one server: which of them give way when there are too many, and for how long each may wait.

Whoever reaches the port can open connections. A probe must be answered all the same, so a connection that does not
bring its request is closed to make room: first one of the address that has the most, and of these the oldest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol

WAITING = 128  # connections without a complete request; one more closes another
CONNECTIONS = 512  # of any kind; one more is refused
REQUEST_TIMEOUT_S = 5.0  # for a request to arrive completely, between two requests, and for a response to be read
GRACE_S = 0.2  # for responses in flight when the server closes


class Connections:
    """Counts the connections of a server, and makes room for new ones."""

    def __init__(self) -> None:
        self._open = 0
        self._waiting: dict[str, dict[TimedProtocol, None]] = {}  # by address; the oldest of each first
        self._count = 0  # of those that wait

    def opened(self) -> bool:
        """Counts a new connection; whether there is room for it."""
        self._open += 1
        return self._open <= CONNECTIONS

    def closed(self) -> None:
        """Discounts a connection."""
        self._open -= 1

    def waits(self, connection: TimedProtocol) -> None:
        """The connection waits for a request from now on; another one is closed where too many do."""
        self._waiting.setdefault(connection.host, {})[connection] = None
        self._count += 1
        if self._count > WAITING:
            greediest = max(self._waiting.values(), key=len)
            oldest = next(iter(greediest))
            self.busy(oldest)
            oldest.transport.abort()

    def busy(self, connection: TimedProtocol) -> None:
        """The connection waits no longer."""
        of_host = self._waiting.get(connection.host, {})
        if connection in of_host:
            del of_host[connection]
            self._count -= 1
            if not of_host:
                del self._waiting[connection.host]


class TimedProtocol(H11Protocol):
    """Closes connections whose request does not arrive in time, or whose response is not read in time."""

    host = ""
    _registry: Connections
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, registry: Connections) -> Callable[..., TimedProtocol]:
        """A factory of protocols that share `registry`."""

        def make(**arguments: object) -> TimedProtocol:
            protocol = cls(**arguments)  # type: ignore[arg-type]  # uvicorn's own, by keyword
            protocol._registry = registry
            return protocol

        return make

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        if self._registry.opened():
            self._expect_request()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.resume_writing()
        self._registry.closed()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self._responding():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and not self._responding():
            self._expect_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def shutdown(self) -> None:
        # A stream of events has no end of its own: it ends with its connection.
        super().shutdown()
        self.loop.call_later(GRACE_S, self.transport.abort)

    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)
        self._registry.waits(self)

    def _stop_waiting(self) -> None:
        self._registry.busy(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
