"""What a thread that waits has asked the kernel for: to write to a pipe that is full, say, or for the end of a child.

Python's stack ends where C begins, and says neither which of its files is stuck nor for which process it waits. The
kernel shows the number of the system call and its arguments, in which a file is a number that is a link in /proc. A
path is never written, and of a peer only its port.
"""

from __future__ import annotations

import os
import sys

from lifesign.agent.tasks.waiting.outside import child_by_pid

_READS, _WRITES = "reads from", "writes to"
_X86 = {
    0: _READS, 1: _WRITES, 17: _READS, 18: _WRITES, 19: _READS, 20: _WRITES, 45: _READS, 44: _WRITES, 47: _READS,
    46: _WRITES, 42: "connects", 43: "accepts on", 288: "accepts on", 61: "waits for", 73: "waits for a lock on",
    72: "waits for a lock on", 74: "flushes", 75: "flushes", 2: "opens a file", 257: "opens a file",
}  # fmt: skip
_ARM = {
    63: _READS, 64: _WRITES, 65: _READS, 66: _WRITES, 67: _READS, 68: _WRITES, 207: _READS, 206: _WRITES, 212: _READS,
    211: _WRITES, 203: "connects", 202: "accepts on", 242: "accepts on", 260: "waits for", 32: "waits for a lock on",
    25: "waits for a lock on", 82: "flushes", 83: "flushes", 56: "opens a file",
}  # fmt: skip
_CALLS = {"x86_64": _X86, "aarch64": _ARM} if sys.maxsize > 1 << 32 else {}
_STANDARD = ("stdin", "stdout", "stderr")
_TEXT_BYTES = 200
_TABLE_BYTES = 1 << 18  # of the kernel's table of sockets that are read
_INODE, _LISTENS = 9, b"0A"  # the column of a socket's number, and the state of one that accepts


def system_call(native_thread: int) -> str:
    """What a thread waits for in the kernel: ``writes to stdout, a pipe``; empty where that says nothing."""
    try:
        with open(f"/proc/self/task/{native_thread}/syscall", "rb", buffering=0) as file:
            number, *arguments = file.read(_TEXT_BYTES).split()
        what = _CALLS.get(os.uname().machine, {}).get(int(number), "")
        first = int(arguments[0], 16) if arguments else 0
    except (OSError, ValueError):  # it runs, or the kernel does not say
        return ""
    if what == "waits for":
        known = child_by_pid(first)
        return f"waits for a child process: {known}" if known else ""
    if not what or what == "opens a file":
        return what
    return f"{what} {_file(first)}" if what != "connects" else "connects to a server"


def _file(descriptor: int) -> str:
    """What kind of file a descriptor stands for."""
    try:
        link = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return "a file"
    kind = "a file"
    if link.startswith("pipe:"):
        kind = "a pipe"
    elif link.startswith("socket:"):
        kind = _peer(link[len("socket:[") : -1])
    elif link.startswith(("/dev/pts/", "/dev/tty")):
        kind = "a terminal"
    return f"{_STANDARD[descriptor]}, {kind}" if descriptor < len(_STANDARD) else kind


def _peer(inode: str) -> str:
    """The other end of a socket, as the kernel lists them: nothing is done with the socket itself."""
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(table, "rb") as file:
                lines = [line.split() for line in file.read(_TABLE_BYTES).split(b"\n")[1:]]
        except OSError:
            continue
        rows = [line for line in lines if len(line) > _INODE]
        own = next((line for line in rows if line[_INODE] == inode.encode()), None)
        if own is not None:
            listening = {_port(line[1]) for line in rows if line[3] == _LISTENS}
            return "a client" if _port(own[1]) in listening else f"the server at port {_port(own[2])}"
    return "a socket"


def _port(address: bytes) -> int:
    return int(address.rpartition(b":")[2], 16)
