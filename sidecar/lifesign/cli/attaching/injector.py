"""Has the main thread of another process run a script; a program of its own, for the interpreter of that process.

Only a Python of the same version can do it, so that whatever runs this knows nothing of lifesign. It prints one JSON
object: ``error`` where it could not be asked; else whether it ``answered``, if not the ``stacks`` of its threads.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from typing import Any

_NUDGE_SECONDS = 0.3  # between two
_LOOK_SECONDS = 0.02
_SEIZE, _INTERRUPT, _DETACH, _ALL = 0x4206, 0x4207, 17, 0x40000000


def main(pid: int, script: str, answer: str, seconds: float) -> dict[str, Any]:
    """Asks, and waits until `answer` is there; else the process has nothing to run any more."""
    try:
        sys.remote_exec(pid, script)  # type: ignore[attr-defined]
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    answered = False
    try:
        answered = _wait(pid, answer, seconds)
        return {"answered": answered} if answered else {"answered": answered, "stacks": _stacks(pid)}
    finally:
        if not answered:  # nothing must start later, when nobody expects it any more
            sys.remote_exec(pid, os.devnull)  # type: ignore[attr-defined]


def _wait(pid: int, answer: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    nudge = time.monotonic() + _NUDGE_SECONDS
    while not os.path.exists(answer):
        now = time.monotonic()
        if now >= deadline:
            return False
        if now >= nudge:
            nudge = now + _NUDGE_SECONDS
            _wake(pid)
        time.sleep(_LOOK_SECONDS)
    return True


def _wake(pid: int) -> None:
    """Interrupts the system call of its main thread, which an idle event loop would wait in until something happens.

    No signal is sent, and its parent does not see it stop: it is seized, interrupted and let go of at once, which the
    permission to ask it includes. `epoll_wait` returns then, and Python looks whether it is to run something. Others,
    such as a sleep, go on.
    """
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes, ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
    if ptrace(_SEIZE, pid, None, None):
        return  # a debugger has it
    try:
        if not ptrace(_INTERRUPT, pid, None, None):
            os.waitpid(pid, _ALL)
    finally:
        ptrace(_DETACH, pid, None, None)


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
