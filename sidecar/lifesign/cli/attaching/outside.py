"""What is seen of a process from outside, without the agent: its stacks, by py-spy, the extra ``lifesign[attach]``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from lifesign.cli.attaching.process import OLDEST, RunningPython
from lifesign.cli.output.terminal import printable
from lifesign.errors import UsageError

_SECONDS = 30.0


def too_old(process: RunningPython) -> UsageError:
    """The error for a Python that takes no code from outside; prints its stacks where py-spy is there."""
    version, oldest = (".".join(map(str, one)) for one in (process.version, OLDEST))
    what = (
        f"process {process.pid} runs Python {version}, which takes no code from outside; {oldest} is the first to do so"
    )
    instead = "restart it as lifesign run -- CMD"
    program = _py_spy()
    if program is None:
        return UsageError(what, f"{instead}; its stacks are shown here after pip install 'lifesign[attach]'")
    said = _dump(program, process.pid)
    if said is None:
        return UsageError(f"{what}; py-spy could not read its stacks either", instead)
    print(said)
    return UsageError(f"{what}; above are its stacks, as py-spy reads them from outside", instead)


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
