"""What is outside of the process and may be waited for: children and peers; counts and names of programs, no address.

Of a peer it is said on which port a server listens, which names the protocol, and of a child its program's name.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from lifesign.agent.tasks.odd import call, read, text, type_name

_EXTRA = ("_extra", "_ssl_protocol._transport._extra")  # where transports of asyncio keep the address of the peer
_STATES = {"Z": "has ended", "X": "has ended", "T": "stopped by a signal", "t": "stopped by a debugger"}
_NAME_CHARACTERS = 32
_PID_MAX = 1 << 22


def child(process: Any) -> str:
    """A child process: ``ffmpeg, pid 4242, alive``."""
    pid = read(process, "pid", "_pid")
    if type(pid) is not int:
        return ""
    if read(process, "returncode", "_returncode") is not None:
        return f"pid {pid}, has ended"
    program, state = _seen(pid)
    return f"{program}, pid {pid}, {state}{_unread(process)}" if program else f"pid {pid}"


def child_by_pid(pid: int) -> str:
    """A child of which only the PID is known: ``ffmpeg, pid 4242, alive``; empty where that is none."""
    program, state = _seen(pid) if 0 < pid <= _PID_MAX else ("", "")
    return f"{program}, pid {pid}, {state}" if program else ""


def worker(pid: Any) -> str:
    """A process of a pool, and whether it has a processor just now: ``pid 4242 waits``."""
    if type(pid) is not int or not 0 < pid <= _PID_MAX:
        return ""
    program, state = _seen(pid, waits="waits", runs="runs")
    return f"pid {pid} {state}" if program else f"pid {pid} is gone"


def _unread(process: Any) -> str:
    """Of a child whose output is read no further, so that it cannot write on: which output."""
    full = [name for name in ("stdout", "stderr") if read(read(process, name), "_paused") is True]
    return f", its {' and '.join(full)} full and not read" if full else ""


def _seen(pid: int, waits: str = "alive", runs: str = "alive") -> tuple[str, str]:
    """The name of a program, without its arguments, and whether it is alive, as /proc shows them."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            name, _, rest = os.fsdecode(file.read(1024)).partition("(")[2].rpartition(") ")
    except (OSError, ValueError):
        return "", ""
    printable = "".join(one if one.isprintable() else "?" for one in name[:_NAME_CHARACTERS])
    return text(printable), _STATES.get(rest[:1], runs if rest[:1] == "R" else waits)


def peer(thing: Any) -> str:
    """Who is at the other end of a stream or a connection: ``server at port 6379``, ``a client``."""
    transport = read(thing, "_transport", "transport")
    if transport is None:
        transport = read(read(thing, "_protocol"), "transport", "_transport")
    if transport is None:
        return ""
    if read(type(transport), "__module__") == "uvloop.loop":
        return _peer_in_uvloop(transport)
    if "Pipe" in type_name(transport):
        return _pipe(read(read(transport, "_protocol"), "proc"))
    for path in _EXTRA:
        owner = transport
        for attribute in path.split("."):
            owner = read(owner, attribute)
        if type(owner) is dict:
            return "a client" if read(transport, "_server") is not None else _server(owner.get("peername"))
    return ""


def _pipe(process: Any) -> str:
    known = child(process) if process is not None else ""
    return f"a pipe of {known}" if known else "a pipe"


def _peer_in_uvloop(transport: Any) -> str:
    """Its transports show what they are made of only to the collector; those of TLS not even whose side they are."""
    parts = gc.get_referents(transport)
    kind = type_name(transport)
    if kind.endswith("UnixTransport") and any("SubprocessPipeProto" in type_name(one) for one in parts):
        return _pipe(next((found for one in parts if (found := read(one, "proc")) is not None), None))
    if kind != "TCPTransport":
        return ""
    if any(type_name(one) == "Server" for one in parts):
        return "a client"
    try:
        return _server(transport.get_extra_info("peername"))
    except BaseException:  # noqa: BLE001 - it is closed
        return ""


def peer_of_socket(thing: Any) -> str:
    """As `peer`, of a socket that is waited for by itself."""
    return _server(call(thing, "getpeername"))


def _server(address: Any) -> str:
    if type(address) is tuple and len(address) > 1 and type(address[1]) is int:
        return f"server at port {address[1]}"
    return "a Unix socket" if type(address) in (str, bytes) else ""
