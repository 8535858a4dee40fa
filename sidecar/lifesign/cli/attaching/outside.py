"""What is seen of a process from outside, without the agent: its stacks, by py-spy, the extra ``lifesign[attach]``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any, Tuple

from lifesign.cli.attaching.process import OFF, OFF_FLAG, OLDEST, RunningPython
from lifesign.cli.output.terminal import printable
from lifesign.errors import NotAnsweredError, UsageError

Stack = Tuple[int, "list[list[Any]]"]  # of a thread: function, file and line of each frame, innermost first
_SECONDS = 30.0


def too_old(process: RunningPython) -> UsageError:
    """The error for a Python that takes no code from outside; prints its stacks where py-spy is there."""
    version, oldest = (".".join(map(str, one)) for one in (process.version, OLDEST))
    what = f"process {process.pid} runs Python {version}, which takes no code from outside"
    return _refused(process, f"{what}; {oldest} is the first to do so", "restart it as lifesign run -- CMD")


def turned_off(process: RunningPython) -> UsageError:
    """The error for a Python that was started so that it takes no code; as above."""
    return _refused(
        process,
        f"process {process.pid} runs with {OFF} or -X {OFF_FLAG}, and takes no code from outside",
        "start it without, or as lifesign run -- CMD",
    )


def _refused(process: RunningPython, what: str, instead: str) -> UsageError:
    program = _py_spy()
    if program is None:
        return UsageError(what, f"{instead}; its stacks are shown here after pip install 'lifesign[attach]'")
    said = _dump(program, process.pid)
    if said is None:
        return UsageError(f"{what}; py-spy could not read its stacks either", instead)
    print(said)
    return UsageError(f"{what}; above are its stacks, as py-spy reads them from outside", instead)


def not_entered(process: RunningPython, timeout: float, stacks: list[Stack], woken: bool) -> NotAnsweredError:
    """The error for a main thread that does not come back to Python; prints the stacks that are seen from outside."""
    main = next((stack for thread, stack in stacks if thread == process.pid), [])
    at = ""
    if main:
        function, file, line = main[0]
        at = f": it is in a call in C from {function} ({file}:{line})"
    shown = _lines(process.pid, stacks) or _by_py_spy(process.pid)
    if shown:
        print(shown)
    above = "; above are its stacks, as they are seen from outside" if shown else ""
    how = f"--timeout {max(60.0, timeout * 4):g}: it starts when that call returns"
    if not woken:
        how += "; it could not be woken (ptrace is refused, or a debugger has it): send the service a request meanwhile"
    elif process.uvloop:
        how += "; an idle uvloop wakes up when it has something to do: send the service a request meanwhile"
    return NotAnsweredError(
        f"the main thread of process {process.pid} ran no Python for {timeout:g} s{at}; "
        f"the agent was not started, and will not be{above}",
        how,
    )


def _lines(pid: int, stacks: list[Stack]) -> str:
    lines = []
    for thread, stack in sorted(stacks, key=lambda one: one[0] != pid):
        if stack:
            lines.append(f"Thread {thread}{' (main)' if thread == pid else ''}")
            lines += [f"    {function} ({file}:{line})" for function, file, line in stack]
    return "\n".join(map(printable, lines))


def _by_py_spy(pid: int) -> str | None:
    program = _py_spy()
    return None if program is None else _dump(program, pid)


def _py_spy() -> str | None:
    return shutil.which("py-spy", path=os.path.dirname(sys.executable)) or shutil.which("py-spy")


def _dump(program: str, pid: int) -> str | None:
    try:
        done = subprocess.run(
            [program, "dump", "--pid", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return "\n".join(map(printable, lines)) if done.returncode == 0 and lines else None
