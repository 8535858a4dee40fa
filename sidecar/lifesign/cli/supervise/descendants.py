"""What was started under CMD, some of which lives on when CMD has ended: daemons, a new gunicorn, background jobs.

A process counts that carries the id of this run in the environment it was started with, or that lives in the run
directory. The kernel shows the environment of another process on Linux only, and a program may write over its own (to
change its title): the run directory knows those who run a loop whatever they do.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re

from lifesign.cli.supervise.interpreter import is_way_in, shadowing
from lifesign.errors import RunDirectoryError

VARIABLE = "LIFESIGN_RUN_ID"
_PROC = "/proc"
_ISOLATED = frozenset("IES")  # options of a Python that leave out what is on PYTHONPATH


def new_id() -> str:
    """An id for one run of CMD."""
    return os.urandom(8).hex()


def started_under(run_id: str) -> list[int]:
    """The living processes that carry this id in their environment; none where the platform does not show it."""
    entry = f"{VARIABLE}={run_id}".encode()
    try:
        processes = [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []
    return sorted(pid for pid in processes if entry in _environ(pid))


def living_in(directory: str) -> list[int]:
    """The processes that live in a run directory, by the locks that they hold."""
    from lifesign.judge.rundir import RunDirectory  # only this end needs it

    with contextlib.suppress(RunDirectoryError), contextlib.closing(RunDirectory(directory)) as run:
        return sorted(int(key.partition("-")[0]) for key in run.living())
    return []


def locked_out(run_id: str, directory: str) -> list[int]:
    """Pythons of `started_under` that may not make a folder in the run directory as the user they have become."""
    return [pid for pid in started_under(run_id) if _is_python(pid) and not _may_write(pid, directory)]


def kept_out(run_id: str) -> list[tuple[int, str]]:
    """Pythons of `started_under` that the agent does not get into, and why; none where it gets into one of them."""
    found = [(pid, _what_keeps_it_out(pid)) for pid in started_under(run_id) if _is_python(pid)]
    return [] if any(not why for _, why in found) else found


def _what_keeps_it_out(pid: int) -> str:
    flag = next((arg for arg in _flags(pid) if _ISOLATED.intersection(arg[1:])), None)
    if flag is not None:
        return f"it was started with {flag}, which leaves out what is on PYTHONPATH: start it without"
    path = os.fsdecode(next((entry[11:] for entry in _environ(pid) if entry.startswith(b"PYTHONPATH=")), b""))
    if not is_way_in(path):
        return "what starts it has taken lifesign from its PYTHONPATH: let it stay there"
    shadow = shadowing(path)
    if shadow is None:
        return ""
    before, _ = shadow
    return f"the sitecustomize of {before} stands before that of lifesign: put `lifesign run --` behind what starts it"


def _flags(pid: int) -> list[str]:
    """The short options of a Python."""
    try:
        with open(f"{_PROC}/{pid}/cmdline", "rb") as file:
            arguments = file.read().decode(errors="replace").split("\0")[1:]
    except OSError:  # it is gone
        return []
    # What follows one of those that take an argument is the program, or cannot be distinguished from it.
    return list(itertools.takewhile(lambda one: re.fullmatch(r"-(?:(?![cmWX])[a-zA-Z])+", one), arguments))


def _is_python(pid: int) -> bool:
    try:
        return "python" in os.path.basename(os.readlink(f"{_PROC}/{pid}/exe"))
    except OSError:
        return False


def _may_write(pid: int, directory: str) -> bool:
    try:
        user, there = os.stat(f"{_PROC}/{pid}"), os.stat(directory)
    except OSError:
        return True  # it is gone
    if user.st_uid == 0:
        return True
    wanted = 0o3
    if user.st_uid == there.st_uid:
        wanted = 0o300
    elif user.st_gid == there.st_gid:
        wanted = 0o030
    return there.st_mode & wanted == wanted


def _environ(pid: int) -> list[bytes]:
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:  # it is gone, or somebody else's
        return []
