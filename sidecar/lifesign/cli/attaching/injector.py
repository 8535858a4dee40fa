"""Has the main thread of another process run a script; a program of its own, for the interpreter of that process.

Only a Python of the same version can do it, so that whatever runs this knows nothing of lifesign. It prints one JSON
object: ``error`` where it could not be asked; else whether it ``answered``, if not the ``stacks`` of its threads.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import struct
import sys
import time
from typing import Any

_NUDGE_SECONDS = 0.3  # between two
_LOOK_SECONDS = 0.02
_NO_NEW_PRIVILEGES, _SECCOMP = 38, 22
_MACHINES = {"x86_64": (0xC000003E, (310, 311)), "aarch64": (0xC00000B7, (270, 271))}
_SEIZE, _INTERRUPT, _DETACH, _ALL = 0x4206, 0x4207, 17, 0x40000000


def main(pid: int, script: str, answer: str, seconds: float) -> dict[str, Any]:
    """Asks, and waits until `answer` is there; else the process has nothing to run any more."""
    try:
        _ask(pid, script)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    answered = False
    try:
        answered = _wait(pid, answer, seconds)
        if answered:
            return {"answered": answered}
        return {"answered": answered, "stacks": _stacks(pid), "woken": _wake(pid)}
    finally:
        if not answered and _is_there(pid):  # nothing must start later, when nobody expects it any more
            sys.remote_exec(pid, os.devnull)  # type: ignore[attr-defined]


def _ask(pid: int, script: str) -> None:
    try:
        sys.remote_exec(pid, script)  # type: ignore[attr-defined]
    except PermissionError:
        with open(f"/proc/{pid}/mem", "r+b"):  # the kernel would let us
            _use_memory_file()
        sys.remote_exec(pid, script)  # type: ignore[attr-defined]


def _use_memory_file() -> None:
    """Makes Python read and write another process by ``/proc/PID/mem``, as it does where a kernel has no better way.

    The seccomp profile that containerd gives a container refuses process_vm_readv and process_vm_writev, and Python
    gives up where these are not permitted. That file is not refused, and the kernel checks the same for it. So they are
    made unknown here: of several filters that refuse a call, the newest says with which error.
    """
    machine = os.uname().machine
    if machine not in _MACHINES:
        return
    architecture, calls = _MACHINES[machine]
    program = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 0, 3, architecture),  # if it is another: allow
        (0x20, 0, 0, 0),  # load the number of the call
        (0x15, 2, 0, calls[0]),
        (0x15, 1, 0, calls[1]),
        (0x06, 0, 0, 0x7FFF0000),  # allow
        (0x06, 0, 0, 0x00050000 | errno.ENOSYS),
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    instructions = ctypes.create_string_buffer(code, len(code))
    filters = struct.pack("HP", len(program), ctypes.addressof(instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    prctl(_NO_NEW_PRIVILEGES, 1, None, 0, 0)
    prctl(_SECCOMP, 2, filters, 0, 0)


def _wait(pid: int, answer: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    nudge = time.monotonic() + _NUDGE_SECONDS
    while not os.path.exists(answer):
        now = time.monotonic()
        if now >= deadline or not _is_there(pid):
            return False
        if now >= nudge:
            nudge = now + _NUDGE_SECONDS
            _wake(pid)
        time.sleep(_LOOK_SECONDS)
    return True


def _is_there(pid: int) -> bool:
    try:
        os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:  # also of a zombie
        return False
    return True


def _wake(pid: int) -> bool:
    """Interrupts the system call of its main thread, which an idle event loop would wait in until something happens.

    No signal is sent, and its parent does not see it stop: it is seized, interrupted and let go of at once, which the
    permission to ask it includes. `epoll_wait` returns then, and Python looks whether it is to run something. Others,
    such as a sleep, go on. False where this is not permitted, as by a seccomp profile.
    """
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes, ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
    if ptrace(_SEIZE, pid, None, None):
        return False  # or a debugger has it
    try:
        if not ptrace(_INTERRUPT, pid, None, None):
            os.waitpid(pid, _ALL)
    finally:
        ptrace(_DETACH, pid, None, None)
    return True


def _stacks(pid: int) -> list[tuple[int, list[list[Any]]]]:
    """Of each thread: function, file and line of each frame, innermost first; nothing where they cannot be read."""
    try:
        import _remote_debugging  # type: ignore[import-not-found]

        found = _remote_debugging.RemoteUnwinder(pid, all_threads=True).get_stack_trace()
        # From 3.15 on they are grouped by interpreter.
        threads = [thread for one in found for thread in getattr(one, "threads", [one])]
        return [(one.thread_id, [[frame.funcname, frame.filename, _line(frame)] for frame in one.frame_info])
                for one in threads]  # fmt: skip
    except Exception:  # noqa: BLE001 - Python's own module, which may change
        return []


def _line(frame: Any) -> int:
    return int(frame.lineno if hasattr(frame, "lineno") else frame.location.lineno)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))))
