"""What is open, by its kind, where nearly as much is open as may be: files, pipes, and connections by their other end.

A process with no descriptor left cannot list those that it has, nor read the kernel's tables. Each number is a link
that can be read without one, and a connection is asked through a socket object of our own for the same number, which
never closes it. No path and no address is read, only ports.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lifesign.agent.system.usage import descriptors, most_descriptors

if TYPE_CHECKING:
    from lifesign.wire.threads import OpenFiles, OpenKind

try:
    import _socket

    _sockets: Any = _socket
except ImportError:  # no POSIX system
    _sockets = None

NEARLY = 0.9  # of what may be open
_LIMIT_MIN = 64
_LOOKED_AT = 4096
_KINDS_MAX = 5
_CLOSED_BY_PEER, _LISTENS = 8, 10  # states of a connection
_PLAIN = (
    ("pipe:", "pipes"),
    ("anon_inode:[eventpoll]", "event polls"),
    ("anon_inode:[pidfd]", "processes"),
    ("anon_inode:", "others"),
)


def nearly_all() -> tuple[int, int] | None:
    """How many are open of how many that may be, where that is nearly all; else None."""
    if _sockets is None:
        return None
    most, there_are = most_descriptors(), descriptors()
    return (there_are, most) if _LIMIT_MIN <= most <= there_are / NEARLY else None


def open_files() -> OpenFiles | None:
    """What is open, the most frequent kind first, where nearly as much is open as may be."""
    found = nearly_all()
    if found is None:
        return None
    kinds: dict[str, OpenKind] = {}
    connections: list[tuple[int, int, int]] = []
    for number in range(min(found[1], _LOOKED_AT)):
        try:
            link = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        connection = _connection(number) if link.startswith("socket:") else None
        if isinstance(connection, tuple):
            connections.append(connection)
        else:
            _count(kinds, connection or next((name for start, name in _PLAIN if link.startswith(start)), "files"))
    listening = {here for here, _, state in connections if state == _LISTENS}
    for here, there, state in connections:
        if state != _LISTENS:
            kind = "connections of clients" if here in listening else f"connections to the server at port {there}"
            _count(kinds, kind, closed=state == _CLOSED_BY_PEER)
    most = sorted(kinds.values(), key=lambda one: -one["count"])[:_KINDS_MAX]
    return {"open": found[0], "most": found[1], "kinds": most}


def _count(kinds: dict[str, OpenKind], kind: str, *, closed: bool = False) -> None:
    one = kinds.setdefault(kind, {"kind": kind, "count": 0, "closed": 0})
    one["count"] += 1
    one["closed"] += closed


def _connection(number: int) -> tuple[int, int, int] | str:
    """Of a socket its own port, that of the other end, and its state; a name for those that have none."""
    if _sockets.getdefaulttimeout() is not None:
        return "sockets"  # a new object for it would be set to that
    try:
        socket = _sockets.socket(fileno=number)
    except OSError:  # it is none any more
        return "sockets"
    try:
        if socket.family not in (_sockets.AF_INET, _sockets.AF_INET6) or socket.type != _sockets.SOCK_STREAM:
            return "Unix sockets" if socket.family == _sockets.AF_UNIX else "sockets"
        (state,) = socket.getsockopt(_sockets.IPPROTO_TCP, _sockets.TCP_INFO, 1)
        return socket.getsockname()[1], 0 if state == _LISTENS else socket.getpeername()[1], state
    except (OSError, AttributeError):  # it is not connected
        return "sockets"
    finally:
        socket.detach()
