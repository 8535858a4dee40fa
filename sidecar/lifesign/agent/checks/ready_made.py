"""Ready-made checks of what services depend on: a port, a URL, a socket, a file, a database.

Each is a plain function, run by `agent.checks.registry` in its own thread. What a check needs beyond this file is
imported when it first runs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Callable

from lifesign import semconv
from lifesign.agent.checks.registry import registry
from lifesign.agent.checks.runner import Check, Outcome, Postcondition
from lifesign.agent.harmless import harmless, text
from lifesign.checkspec import Spec, parse

if TYPE_CHECKING:
    from http.client import HTTPConnection

CONNECT_SECONDS = 3.0  # less than a post-condition's timeout: the check's own reason says more
EVERY_SECONDS = 30.0  # between two runs of those that LIFESIGN_CHECKS names


def check(
    spec: str, *, name: str | None = None, timeout: float = 5.0, every: float | None = None, critical: bool = True
) -> None:
    """Registers a ready-made check as a post-condition: ``lifesign.check("tcp:5432", name="database")``.

    A malformed `spec` is registered too, and fails with what to write instead. ``LIFESIGN_CHECKS`` and
    ``lifesign smoke --until`` use the same syntax.

    Args:
        spec: ``tcp:PORT`` or ``tcp:HOST:PORT`` (accepts a connection), ``http://...`` or ``https://...`` (answers
            200 to 399; redirects and proxies are not followed), ``unix:PATH`` (accepts a connection), ``file:PATH``
            or ``file:PATH<60s`` (exists, and was changed within that time), ``postgres://...`` (answers ``select 1``,
            through the driver that the app has), ``redis://...`` (answers PING).
        name: by default what `spec` says, without user, password and query.
        timeout: seconds after which a run counts as failed.
        every: seconds between two runs once the boot is over, at least 1; None runs it only when asked.
        critical: whether its failure makes the whole report fail, or is only a warning.
    """
    with harmless:
        given = "" if name is None else text(name)
        try:
            parsed = parse(spec)
        except ValueError as error:
            why = str(error)
            registry.register(Postcondition.of(given or "check", lambda: (False, why), timeout, every, critical))
        else:
            registry.register(Postcondition.of(given or parsed.label, made(parsed), timeout, every, critical))


def register_all(checks: dict[str, Spec]) -> None:
    """Registers what LIFESIGN_CHECKS names: critical, awaited by the boot, every half minute after it."""
    for name, spec in checks.items():
        registry.register(Postcondition(name, made(spec), every=EVERY_SECONDS, awaited=True))


def made(spec: Spec) -> Check:
    """The check for `spec`, for calling from a thread; it hands back or raises what a post-condition may.

    Only ``postgres://`` with asyncpg as its driver hands back an awaitable.
    """
    run = _KINDS[spec.kind]

    def ready_made_check() -> object:
        return run(spec)

    return ready_made_check  # type: ignore[return-value]


def _tcp(spec: Spec) -> Outcome:
    socket.create_connection((spec.host, spec.port), CONNECT_SECONDS).close()
    return True


def _unix(spec: Spec) -> Outcome:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(CONNECT_SECONDS)
        client.connect(spec.path)
    return True


def _file(spec: Spec) -> Outcome:
    age = max(0.0, time.time() - os.stat(spec.path).st_mtime)
    if spec.age is not None and age >= spec.age:
        return False, f"it is {age:.0f} s old, {spec.age:g} s is the limit"
    return True


def _http(spec: Spec) -> Outcome:
    # Not urllib: it would go through the environment's proxies, and follow redirects to anywhere.
    with contextlib.closing(_http_connection(spec)) as connection:
        headers = {"User-Agent": f"lifesign/{semconv.VERSION}"}
        if spec.user or spec.password:
            from base64 import b64encode

            headers["Authorization"] = "Basic " + b64encode(f"{spec.user}:{spec.password}".encode()).decode()
        connection.request("GET", spec.path, headers=headers)
        answer = connection.getresponse()
        if 200 <= answer.status < 400:
            return True
        return False, f"status {answer.status} {answer.reason}".rstrip()


def _http_connection(spec: Spec) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if spec.kind == "https" else HTTPConnection
    return kind(spec.host, spec.port, timeout=CONNECT_SECONDS)


def _postgres(spec: Spec) -> object:
    from lifesign.agent.checks.stores import postgres

    return postgres(spec, CONNECT_SECONDS)


def _redis(spec: Spec) -> object:
    from lifesign.agent.checks.stores import redis

    return redis(spec, CONNECT_SECONDS)


_KINDS: dict[str, Callable[[Spec], object]] = {
    "tcp": _tcp,
    "unix": _unix,
    "file": _file,
    "http": _http,
    "https": _http,
    "postgres": _postgres,
    "postgresql": _postgres,
    "redis": _redis,
    "rediss": _redis,
}
