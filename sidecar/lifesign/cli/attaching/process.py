"""A process that runs already, as /proc shows it: which Python it is, and whether we may reach into it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import time
from typing import Iterable, Iterator, NamedTuple

from lifesign.errors import NotAnsweredError, NotWatchedError, UsageError

OLDEST = (3, 14)  # the first that can be asked to run something

_PYTHON = re.compile(r"/(?:lib)?python(3)\.(\d+)[a-z]*(?:\.so(?:\.[0-9.]+)?|/lib-dynload/\S+|)(?: \(deleted\))?$")
_LIFE = re.compile(r"(/.+/\d{1,10}-[0-9a-f]{8})/life")
_CAP_SYS_PTRACE = 19
_LOOK = 0.05
_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
OFF = "PYTHON_DISABLE_REMOTE_DEBUG"
OFF_FLAG = "disable-remote-debug"


class RunningPython(NamedTuple):
    """A Python process.

    `interpreter` runs a program in its version of Python, with the variables `environ` of its that matter for it: both
    are run as us, so that neither may be another user's choice.
    `uvloop`: it has that loaded. `off`: it was started so that it takes no code from outside.
    """

    pid: int
    version: tuple[int, int]
    interpreter: str
    environ: dict[str, str]
    uvloop: bool = False
    off: bool = False


def find(pid: int, *, to_enter: bool = True) -> RunningPython:
    """Looks at a process.

    Args:
        to_enter: to get something into it, for which an interpreter of its version must be here.

    Raises:
        NotWatchedError: it is none, or no Python.
        UsageError: we may not, or there is no such interpreter.
    """
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            mapped = [line.split(None, 5)[5].rstrip("\n") for line in file if line.count("/")]
        executable = os.readlink(f"/proc/{pid}/exe")
    except (FileNotFoundError, ProcessLookupError):
        raise NotWatchedError(
            f"there is no process {pid} in this PID namespace",
            "that of a container: run this in it, with the PID that it has there",
        ) from None
    except PermissionError:
        raise refused(pid) from None
    version = _version(mapped)
    if version is None:
        raise NotWatchedError(f"process {pid} ({executable}) is no CPython", "lifesign attach with another PID")
    uvloop = any("/uvloop/loop." in path for path in mapped)
    off = version >= OLDEST and _is_off(pid)
    ours = _users(pid) <= {0, os.geteuid()}
    trusted = ours or _nobody_else_writes(executable)
    interpreter = _interpreter(pid, executable, version, trusted=trusted) if to_enter else ""
    return RunningPython(pid, version, interpreter, _environ(pid) if ours else {}, uvloop, off)


def is_there(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:  # also of a zombie
        return False
    except OSError:
        return True  # we may not look
    return True


@contextlib.contextmanager
def alone(pid: int, timeout: float) -> Iterator[None]:
    """Keeps others of us out of a process meanwhile: one script at a time can be handed to it.

    Its memory is what is locked: nobody opens that but who may attach, too, and the kernel frees it, however we end.

    Raises:
        NotAnsweredError: another does not come to an end.
        NotWatchedError: the process has ended.
        UsageError: we may not.
    """
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        raise refused(pid) from None
    except OSError:
        raise NotWatchedError(f"process {pid} has ended meanwhile", "lifesign attach with the PID it has now") from None
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(memory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    what = f"another lifesign attach of process {pid} has not come to an end within {timeout:g} s"
                    raise NotAnsweredError(what, "wait for it, or end it") from None
                time.sleep(_LOOK)
        yield
    finally:
        os.close(memory)


def refused(pid: int) -> UsageError:
    """Why we may not reach into a process, and what is missing."""
    us, user = os.geteuid(), _user(pid)
    if user not in (us, None) and us != 0:
        return UsageError(
            f"process {pid} runs as another user (uid {user}, you are {us})",
            "run this as that user, or as root with CAP_SYS_PTRACE",
        )
    scope = _scope()
    if scope == 3:
        return UsageError(f"{_SCOPE} is 3: nobody may look into a process", "a reboot with kernel.yama.ptrace_scope=1")
    if has_ptrace():
        return UsageError(
            f"process {pid} may not be looked into, although CAP_SYS_PTRACE is there",
            "run this in its container, or as root on its host: it is in another user namespace, or protected",
        )
    if scope == 2:
        return UsageError(f"{_SCOPE} is 2: CAP_SYS_PTRACE is needed", "run this as root")
    if scope == 1:
        return UsageError(
            f"{_SCOPE} is 1: only who started process {pid} may look into it, or who has CAP_SYS_PTRACE",
            "run this as root, or sysctl kernel.yama.ptrace_scope=0",
        )
    return UsageError(
        f"process {pid} may not be looked into: CAP_SYS_PTRACE is missing, and it has more privileges than you, "
        "or is not dumpable",
        "run this as root with CAP_SYS_PTRACE",
    )


def has_ptrace() -> bool:
    """Whether we have CAP_SYS_PTRACE."""
    with (
        contextlib.suppress(OSError, ValueError),
        open("/proc/self/status", encoding="ascii", errors="replace") as file,
    ):
        for line in file:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
    return False


def sees(pid: int, path: str) -> bool:
    """Whether a process sees the same file or folder as we at `path`."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/root{path}"), os.stat(path))
    except OSError:
        return False


def view(pid: int, path: str) -> str:
    """Where we see what a process sees at `path`: it may be in another mount namespace."""
    return path if sees(pid, path) else f"/proc/{pid}/root{path}"


def watched_in(pid: int) -> str | None:
    """The process folder that an agent in it writes to, as that sees it; None where none does."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found = _LIFE.fullmatch(os.readlink(f"/proc/{pid}/fd/{name}"))
                if found is not None:
                    return found.group(1)
    return None


def _user(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def _scope() -> int | None:
    try:
        with open(_SCOPE, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # a kernel without it
        return None


def _version(mapped: Iterable[str]) -> tuple[int, int] | None:
    for path in mapped:
        found = _PYTHON.search(path)
        if found is not None:
            return int(found.group(1)), int(found.group(2))
    return None


def _users(pid: int) -> set[int]:
    """As whom a process runs, real, effective and so on; its folder in /proc is root's where it is not dumpable."""
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file,
    ):
        for line in file:
            if line.startswith("Uid:"):
                return set(map(int, line.split()[1:]))
    return {-1}


def _nobody_else_writes(path: str) -> bool:
    """Whether nobody but root and us can put another file there."""
    try:
        while True:
            found = os.lstat(path)
            writable = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
            if writable or stat.S_ISLNK(found.st_mode) or found.st_uid not in (0, os.geteuid()):
                return False
            if path == "/":
                return True
            path = os.path.dirname(path)
    except OSError:
        return False


def _interpreter(pid: int, executable: str, version: tuple[int, int], *, trusted: bool) -> str:
    seen = os.path.basename(executable).startswith("python") and sees(pid, executable)
    if seen and trusted:
        return executable
    if sys.version_info[:2] == version:
        return sys.executable  # Python inside another program, say uwsgi
    its, ours = (".".join(map(str, one)) for one in (version, sys.version_info[:2]))
    if seen:
        raise UsageError(
            f"process {pid} runs as another user, who may write to its Python ({executable}): it is not run as you",
            f"run this as that user, or by python{its} -m lifesign",
        )
    raise UsageError(
        f"process {pid} ({executable}) is in another mount namespace, or no plain Python {its}, and this is {ours}",
        f"run this in its container, by python{its} -m lifesign",
    )


def _is_off(pid: int) -> bool:
    words = _words(pid, "cmdline")
    flags = {word.partition("=")[0] for word in words} | {
        word[2:].partition("=")[0] for word in words if word[:2] == "-X"
    }
    return OFF_FLAG in flags or any(word.startswith(f"{OFF}=") and word != f"{OFF}=" for word in _words(pid, "environ"))


def _environ(pid: int) -> dict[str, str]:
    pairs = (word.partition("=") for word in _words(pid, "environ"))
    return {name: value for name, _, value in pairs if name in ("PYTHONHOME", "LD_LIBRARY_PATH")}


def _words(pid: int, name: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")]
    except OSError:
        return []
