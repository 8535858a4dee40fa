"""The things that tasks wait for and hold, such as locks, queues and pools, recognised by the name of their class.

Nothing is imported for this, and only counts and flags are read, never a value that passes through.
"""

from __future__ import annotations

import weakref
from typing import Any

from lifesign.agent.tasks.odd import read
from lifesign.agent.tasks.waiting.outside import child, peer, peer_of_socket
from lifesign.agent.tasks.waiting.pools import POOLS, Kind
from lifesign.agent.tasks.waiting.pools import names as _in
from lifesign.agent.tasks.waiting.pools import number as _number
from lifesign.agent.tasks.waiting.pools import of as _of
from lifesign.agent.tasks.waiting.pools import size as _size

_TYPES_MAX = 2000


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


def _unfinished(thing: Any) -> str:
    """Of a queue in whose `join` somebody waits."""
    left, size, getters = _number(thing, "_unfinished_tasks"), _size(thing, "_queue"), _size(thing, "_getters")
    if left is None or size is None:
        return ""
    return f"{left - size} taken and not marked by task_done(), {size} in it, {getters or 0} wait for an item"


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


def _server(thing: Any) -> str:
    """Of one that was closed; one that is not may serve for ever."""
    if read(thing, "_sockets") is not None:
        return ""
    count = _number(thing, "_active_count")  # up to 3.12
    count = _size(thing, "_clients") if count is None else count
    return (
        "" if not count else f"{count} connection{'s' if count > 1 else ''} of it {'are' if count > 1 else 'is'} open"
    )


def _nothing(_: Any) -> str:
    return ""


_LOCK = Kind("Lock", _lock, _in("acquire"), _lock_holders)
_EVENT = Kind("Event", _event, _in("wait"))
_CONDITION = Kind("Condition", _condition, _in("wait"))
_SEMAPHORE = Kind("Semaphore", _semaphore, _in("acquire"), _semaphore_holders)
_GROUP = Kind("TaskGroup", _group, _in("__aexit__", "_aexit"))
JOINED = Kind("Queue", _unfinished)
_LIMITER = Kind("CapacityLimiter", _limiter, _in("acquire_on_behalf_of"), lambda thing: _size(thing, "_borrowers"))
_STREAM = Kind("memory stream", _stream, _in("receive", "send"), outer=True)
_KINDS = {
    "asyncio.locks.Lock": _LOCK,
    "asyncio.locks.Event": _EVENT,
    "asyncio.locks.Condition": _CONDITION,
    "asyncio.locks.Semaphore": _SEMAPHORE,
    "asyncio.locks.Barrier": Kind("Barrier", _barrier, _in("wait", "_wait", "_block"), outer=True),
    "asyncio.queues.Queue": Kind("Queue", _queue, _in("get", "put", "join"), outer=True),
    "asyncio.taskgroups.TaskGroup": _GROUP,
    "asyncio.streams.StreamReader": Kind("StreamReader", peer, _in("_wait_for_data")),
    "asyncio.streams.StreamWriter": Kind("StreamWriter", peer, _in("drain", "wait_closed", "start_tls")),
    "asyncio.subprocess.Process": Kind(
        "subprocess", child, _in("wait", "communicate", "_read_stream", "_feed_stdin"), outer=True
    ),
    "asyncio.base_events.Server": Kind("Server", _server, _in("wait_closed")),
    "socket.socket": Kind("socket", peer_of_socket, package="asyncio"),
    # anyio and httpcore say of their classes that they come from the package itself, some of anyio's once it was asked
    # for them by name.
    **{
        f"{module}.{name}": found
        for module in ("anyio", "anyio._core._synchronization")
        for name, found in {
            "Lock": _LOCK,
            "Event": _EVENT._replace(outer=True),
            "Condition": _CONDITION,
            "Semaphore": _SEMAPHORE,
            "CapacityLimiter": _LIMITER._replace(outer=True),
        }.items()
    },
    "anyio._backends._asyncio.TaskGroup": _GROUP,
    "anyio.streams.memory.MemoryObjectReceiveStream": _STREAM,
    "anyio.streams.memory.MemoryObjectSendStream": _STREAM,
    "anyio._backends._asyncio.SocketStream": Kind("socket", peer, outer=True),
    "aiohttp.client_proto.ResponseHandler": Kind("HTTP connection", peer),
    "aiohttp.streams.StreamReader": Kind("HTTP body", peer),
    "websockets.asyncio.connection.Connection": Kind("WebSocket", peer, _in("recv"), outer=True),
    "asyncpg.connection.Connection": Kind("asyncpg connection", peer),
    "_thread.lock": Kind("threading.Lock", lambda thing: "locked" if thing.locked() else "free"),
    "_thread.RLock": Kind("threading.RLock", _nothing),
    **POOLS,
}
_PACKAGES = {name: found.package or name.partition(".")[0] for name, found in _KINDS.items()}
PACKAGES = frozenset(_PACKAGES.values())
_known: dict[int, tuple[weakref.ref[type], Kind | None]] = {}  # by the id of a class, none of which is kept alive


def kind(thing: Any) -> Kind | None:
    """What kind of primitive this is, by its class or one that it derives from; None for all else."""
    cls = type(thing)
    try:
        known = _known.get(id(cls))
        if known is not None and known[0]() is cls:
            return known[1]
        names = (f"{base.__module__}.{base.__qualname__}" for base in type.mro(cls) if base is not object)
        found = next((_KINDS[name]._replace(package=_PACKAGES[name]) for name in names if name in _KINDS), None)
        if len(_known) >= _TYPES_MAX:
            _known.clear()
        _known[id(cls)] = weakref.ref(cls), found
    except BaseException:  # noqa: BLE001 - a metaclass of the user's
        return None
    return found


def ends_outside(what: Kind) -> bool:
    """Whether something outside of the process ends a wait for it: whoever is in a block of it keeps nobody waiting."""
    return what.state in (child, peer, peer_of_socket)
