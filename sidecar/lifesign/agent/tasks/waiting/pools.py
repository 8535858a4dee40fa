"""How a kind of primitive is described, and the kinds of pools of connections that other packages have."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, NamedTuple

from lifesign.agent.tasks.odd import read


class Kind(NamedTuple):
    """How one kind of primitive is described.

    `state` says in a few words in what state it is. `waits_in` has the names of the functions of its own package in
    which a task waits for it, where it does not do so in all of them; in others it merely refers to it. `holders` says
    how many hold it now, where the primitive knows: only then can it be certain that all of its holders were found.
    `outer` marks what has others inside: where a task waits inside it for a part of it, it waits for it. `pool` marks a
    pool: a task that is inside it without waiting for it is at work with something from it.
    """

    label: str
    state: Callable[[Any], str]
    waits_in: frozenset[str] = frozenset()
    holders: Callable[[Any], int | None] | None = None
    outer: bool = False
    pool: bool = False
    package: str = ""


def number(thing: Any, *names: str) -> int | None:
    value = read(thing, *names)
    return value if type(value) is int else None


def size(thing: Any, *names: str) -> int | None:
    try:
        return len(read(thing, *names))
    except BaseException:  # noqa: BLE001 - it may be None, or an object of the user's
        return None


def of(part: int | None, whole: int | None, what: str) -> str:
    if part is None:
        return ""
    return f"{part} {what}" if whole is None else f"{part} of {whole} {what}"


def names(*given: str) -> frozenset[str]:
    """The names of functions, as `Kind.waits_in` has them."""
    return frozenset(given)


def _connector(thing: Any) -> str:
    per_host, hosts = number(thing, "_limit_per_host"), read(thing, "_acquired_per_host")
    if per_host and type(hosts) in (dict, defaultdict):
        most = max((len(found) for found in list(hosts.values()) if type(found) is set), default=0)
        if most >= per_host:
            return of(most, per_host, "connections to one host in use")
    return of(size(thing, "_acquired"), number(thing, "_limit"), "connections in use")


def _asyncpg(thing: Any) -> str:
    holders = read(thing, "_holders")
    in_use = (
        sum(1 for holder in list(holders) if read(holder, "_in_use") is not None) if type(holders) is list else None
    )
    return of(in_use, number(thing, "_maxsize"), "connections in use")


def _sqlalchemy(thing: Any) -> str:
    queue = read(thing, "_pool")
    most, spare, over = number(queue, "maxsize"), size(read(queue, "_queue"), "_queue"), number(thing, "_overflow")
    if most is None or spare is None or over is None:
        return ""
    extra = number(thing, "_max_overflow") or 0
    return of(most + over - spare, most + extra, "connections in use")


def _redis(thing: Any) -> str:
    return of(size(thing, "_in_use_connections"), number(thing, "max_connections"), "connections in use")


def _httpcore(thing: Any) -> str:
    requests = read(thing, "_requests")  # of which some wait
    if type(requests) is not list:
        return ""
    in_use = {id(found) for one in list(requests) if (found := read(one, "connection")) is not None}
    return of(len(in_use), number(thing, "_max_connections"), "connections in use")


def _psycopg(thing: Any) -> str:
    total, spare = number(thing, "_nconns"), size(thing, "_pool")
    if total is None or spare is None:
        return ""
    return of(total - spare, number(thing, "_max_size"), "connections in use")


def _pool(label: str, state: Any, *waits_in: str) -> Kind:
    return Kind(label, state, names(*waits_in), outer=True, pool=True)


POOLS = {
    "aiohttp.connector.BaseConnector": _pool("aiohttp connector", _connector, "_wait_for_available_connection"),
    "asyncpg.pool.Pool": _pool("asyncpg pool", _asyncpg, "get"),
    "sqlalchemy.pool.impl.QueuePool": _pool("SQLAlchemy pool", _sqlalchemy, "get"),
    "redis.asyncio.connection.ConnectionPool": _pool("redis pool", _redis, "wait_for"),
    "httpcore.AsyncConnectionPool": _pool("httpcore pool", _httpcore, "wait_for_connection"),
    "psycopg_pool.pool_async.AsyncConnectionPool": _pool("psycopg pool", _psycopg, "wait"),
}
