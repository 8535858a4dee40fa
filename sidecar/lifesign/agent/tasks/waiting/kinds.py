"""The things that tasks wait for and hold, such as locks, queues and pools, recognised by the name of their class.

Nothing is imported for this, and only counts and flags are read, never a value that passes through.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from lifesign.agent.tasks.odd import read
from lifesign.agent.tasks.waiting.outside import child, peer, peer_of_socket

_TYPES_MAX = 2000


class Kind(NamedTuple):
    """How one kind of primitive is described.

    `state` says in a few words in what state it is. `holders` says how many hold it now, where the primitive knows:
    only then can it be certain that all of its holders were found. `pool` marks what others are made of: where
    a task waits inside a pool for the pool's own lock, it waits for the pool.
    """

    label: str
    state: Callable[[Any], str]
    holders: Callable[[Any], int | None] = lambda _: None
    pool: bool = False


def _number(thing: Any, *names: str) -> int | None:
    value = read(thing, *names)
    return value if type(value) is int else None


def _size(thing: Any, *names: str) -> int | None:
    try:
        return len(read(thing, *names))
    except BaseException:  # noqa: BLE001 - it may be None, or an object of the user's
        return None


def _of(part: int | None, whole: int | None, what: str) -> str:
    if part is None:
        return ""
    return f"{part} {what}" if whole is None else f"{part} of {whole} {what}"


def _lock(thing: Any) -> str:
    return "locked" if read(thing, "_locked", "_owner_task") else "free"


def _lock_holders(thing: Any) -> int | None:
    return 1 if read(thing, "_locked", "_owner_task") else 0


def _semaphore(thing: Any) -> str:
    return _of(_number(thing, "_value"), _number(thing, "_bound_value", "_max_value"), "free")


def _semaphore_holders(thing: Any) -> int | None:
    free, bound = _number(thing, "_value"), _number(thing, "_bound_value", "_max_value")
    return None if free is None or bound is None else bound - free


def _limiter(thing: Any) -> str:
    return _of(_size(thing, "_borrowers"), _number(thing, "_total_tokens"), "in use")


def _event(thing: Any) -> str:
    value = read(thing, "_value", "_event")
    flag = value if isinstance(value, bool) else read(value, "_value")
    return "set" if flag else "not set"


def _condition(thing: Any) -> str:
    return _of(_size(thing, "_waiters"), None, "waiting for a notification")


def _queue(thing: Any) -> str:
    size, most = _size(thing, "_queue"), _number(thing, "_maxsize")
    if size == 0:
        return "empty"
    if most and size is not None and size >= most:
        return f"full, {size} of {most}"
    return _of(size, most or None, "in it")


def _barrier(thing: Any) -> str:
    return _of(_number(thing, "_count"), _number(thing, "_parties"), "there")


def _stream(thing: Any) -> str:
    state = read(thing, "_state")
    size, most = _size(state, "buffer"), read(state, "max_buffer_size")
    if size is None:
        return ""
    if size and size == most:
        return f"full, {size} of {size}"
    return "empty" if size == 0 else f"{size} in it"


def _group(thing: Any) -> str:
    return _of(_size(thing, "_tasks"), None, "unfinished")


def _connector(thing: Any) -> str:
    return _of(_size(thing, "_acquired"), _number(thing, "_limit"), "connections in use")


def _asyncpg(thing: Any) -> str:
    holders = read(thing, "_holders")
    in_use = (
        sum(1 for holder in list(holders) if read(holder, "_in_use") is not None) if type(holders) is list else None
    )
    return _of(in_use, _number(thing, "_maxsize"), "connections in use")


def _sqlalchemy(thing: Any) -> str:
    queue = read(thing, "_pool")
    most, spare, over = _number(queue, "maxsize"), _size(read(queue, "_queue"), "_queue"), _number(thing, "_overflow")
    if most is None or spare is None or over is None:
        return ""
    extra = _number(thing, "_max_overflow") or 0
    return _of(most + over - spare, most + extra, "connections in use")


def _redis(thing: Any) -> str:
    return _of(_size(thing, "_in_use_connections"), _number(thing, "max_connections"), "connections in use")


def _httpcore(thing: Any) -> str:
    return _of(_size(thing, "_connections"), _number(thing, "_max_connections"), "connections")


def _psycopg(thing: Any) -> str:
    total, spare = _number(thing, "_nconns"), _size(thing, "_pool")
    if total is None or spare is None:
        return ""
    return _of(total - spare, _number(thing, "_max_size"), "connections in use")


def _nothing(_: Any) -> str:
    return ""


_LOCK = Kind("Lock", _lock, _lock_holders)
_EVENT = Kind("Event", _event)
_CONDITION = Kind("Condition", _condition)
_SEMAPHORE = Kind("Semaphore", _semaphore, _semaphore_holders)
_LIMITER = Kind("CapacityLimiter", _limiter, lambda thing: _size(thing, "_borrowers"))
_KINDS = {
    "asyncio.locks.Lock": _LOCK,
    "asyncio.locks.Event": _EVENT,
    "asyncio.locks.Condition": _CONDITION,
    "asyncio.locks.Semaphore": _SEMAPHORE,
    "asyncio.locks.Barrier": Kind("Barrier", _barrier),
    "asyncio.queues.Queue": Kind("Queue", _queue),
    "asyncio.taskgroups.TaskGroup": Kind("TaskGroup", _group),
    "asyncio.streams.StreamReader": Kind("StreamReader", peer),
    "asyncio.streams.StreamWriter": Kind("StreamWriter", peer),
    "asyncio.subprocess.Process": Kind("subprocess", child),
    "socket.socket": Kind("socket", peer_of_socket),
    "anyio._core._synchronization.Lock": _LOCK,
    "anyio._core._synchronization.Event": _EVENT,
    "anyio._core._synchronization.Condition": _CONDITION,
    "anyio._core._synchronization.Semaphore": _SEMAPHORE,
    "anyio._core._synchronization.CapacityLimiter": _LIMITER,
    "anyio._backends._asyncio.TaskGroup": Kind("TaskGroup", _group),
    "anyio.streams.memory.MemoryObjectReceiveStream": Kind("memory stream", _stream),
    "anyio.streams.memory.MemoryObjectSendStream": Kind("memory stream", _stream),
    "anyio._backends._asyncio.SocketStream": Kind("socket", peer),
    "aiohttp.client_proto.ResponseHandler": Kind("HTTP connection", peer),
    "aiohttp.streams.StreamReader": Kind("HTTP body", peer),
    "asyncpg.connection.Connection": Kind("asyncpg connection", peer),
    "aiohttp.connector.BaseConnector": Kind("aiohttp connector", _connector, pool=True),
    "asyncpg.pool.Pool": Kind("asyncpg pool", _asyncpg, pool=True),
    "sqlalchemy.pool.impl.QueuePool": Kind("SQLAlchemy pool", _sqlalchemy, pool=True),
    "redis.asyncio.connection.ConnectionPool": Kind("redis pool", _redis, pool=True),
    "httpcore._async.connection_pool.AsyncConnectionPool": Kind("httpcore pool", _httpcore, pool=True),
    "psycopg_pool.pool_async.AsyncConnectionPool": Kind("psycopg pool", _psycopg, pool=True),
    "_thread.lock": Kind("threading.Lock", lambda thing: "locked" if thing.locked() else "free"),
    "_thread.RLock": Kind("threading.RLock", _nothing),
}
_known: dict[type, Kind | None] = {}


def kind(thing: Any) -> Kind | None:
    """What kind of primitive this is, by its class or one that it derives from; None for all else."""
    cls = type(thing)
    try:
        if cls in _known:
            return _known[cls]
        names = (f"{base.__module__}.{base.__qualname__}" for base in type.mro(cls) if base is not object)
        found = next((_KINDS[name] for name in names if name in _KINDS), None)
        if len(_known) < _TYPES_MAX:
            _known[cls] = found
    except BaseException:  # noqa: BLE001 - a metaclass of the user's
        return None
    return found
