"""Ready-made checks of Postgres and Redis.

The Postgres check uses the driver that the app has. The Redis check needs none: PING is one line each way.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
from typing import Any, Awaitable, Union
from urllib.parse import quote, urlsplit

from lifesign.agent.checks.runner import Outcome
from lifesign.checkspec import Spec

_DRIVERS = ("asyncpg", "psycopg", "psycopg2")
_REPLY_BYTES = 512


def postgres(spec: Spec, seconds: float) -> Union[Outcome, Awaitable[Outcome]]:
    """Logs in and asks for ``select 1``; an awaitable where the driver is asyncpg."""
    name, driver = _driver()
    if driver is None:
        return False, "no Postgres driver is installed: pip install asyncpg, psycopg or psycopg2"
    return _by_asyncpg(driver, spec, seconds) if name == "asyncpg" else _by_psycopg(driver, spec, seconds)


def _driver() -> tuple[str, Any]:
    """The driver that the app has loaded, else one that is installed."""
    for name in sorted(_DRIVERS, key=lambda name: name not in sys.modules):
        with contextlib.suppress(ImportError):  # psycopg wants libpq besides
            return name, importlib.import_module(name)
    return "", None


async def _by_asyncpg(driver: Any, spec: Spec, seconds: float) -> Outcome:
    try:
        connection = await driver.connect(spec.url, timeout=seconds)
        try:
            await connection.execute("select 1")
        finally:
            await connection.close(timeout=seconds)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may repeat a part of the URL
        return False, _without_secrets(f"{type(error).__name__}: {error}", spec)
    return True


def _by_psycopg(driver: Any, spec: Spec, seconds: float) -> Outcome:
    try:
        with contextlib.closing(driver.connect(spec.url, connect_timeout=int(seconds))) as connection:
            connection.cursor().execute("select 1")
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may repeat a part of the URL
        return False, _without_secrets(f"{type(error).__name__}: {error}", spec)
    return True


def redis(spec: Spec, seconds: float) -> Outcome:
    """Logs in where the URL has a password, and sends a PING."""
    with contextlib.ExitStack() as opened:
        client = opened.enter_context(socket.create_connection((spec.host, spec.port), seconds))
        if spec.kind == "rediss":
            import ssl

            client = opened.enter_context(ssl.create_default_context().wrap_socket(client, server_hostname=spec.host))
        replies = opened.enter_context(client.makefile("rb"))
        commands = [["PING"]]
        if spec.password:
            commands.insert(0, ["AUTH", *filter(None, [spec.user]), spec.password])
        for command in commands:
            client.sendall(_encoded(command))
            reply = replies.readline(_REPLY_BYTES).decode("utf-8", "replace").strip()
            if not reply.startswith("+"):
                return False, _without_secrets(reply.lstrip("-") or "it closed the connection", spec)
    return True


def _encoded(command: list[str]) -> bytes:
    words = [word.encode() for word in command]
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])


def _without_secrets(text: str, spec: Spec) -> str:
    """`text` without the password, however it is written, and without the options of the URL."""
    url = urlsplit(spec.url)
    secrets = {spec.password, quote(spec.password), url.password or "", url.query}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
