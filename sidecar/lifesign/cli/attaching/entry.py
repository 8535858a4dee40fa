"""Gets the agent into a process: a script for its main thread, and the answer that this leaves."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
import subprocess
import time
from typing import Any, Iterator, Mapping

import lifesign
from lifesign.cli.attaching import injector, outside
from lifesign.cli.attaching.process import RunningPython, has_ptrace, is_there, refused, sees
from lifesign.errors import LifesignError, NotWatchedError, RunDirectoryError, UsageError

_PACKAGE = os.path.dirname(os.path.abspath(lifesign.__file__))
_ANSWER_BYTES = 65536
_MORE_SECONDS = 20.0  # for the interpreter itself
_IMPORT_SECONDS = 3.0  # thirty times what it takes
_LOOK = 0.02
_REFUSALS = ("PermissionError", "Operation not permitted", "Permission denied")

# They run in the service's main thread, in a namespace of their own. The package is found without an entry on sys.path.
_PREPARE = """
def prepare(package, ready, seconds, answer):
    import os, sys
    before = set(sys.modules)
    said = "{}"
    try:
        ours = "lifesign" not in sys.modules
        if ours:
            from _frozen_importlib import module_from_spec
            from _frozen_importlib_external import spec_from_file_location
            init = os.path.join(package, "__init__.py")
            spec = spec_from_file_location("lifesign", init, submodule_search_locations=[package])
            sys.modules["lifesign"] = module_from_spec(spec)
            spec.loader.exec_module(sys.modules["lifesign"])
        from lifesign.agent.attaching.entering import prepare
        prepare(ready, ours, seconds)
    except BaseException as error:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "lifesign":
                del sys.modules[name]
        import json
        said = json.dumps({"error": f"{type(error).__name__}: {error}"})
    with open(answer + ".new", "x") as file:
        file.write(said)
    os.rename(answer + ".new", answer)

prepare(*ARGUMENTS)
"""
_ENTER = """
def enter(order, answer):
    from lifesign.agent.attaching.entering import enter
    enter(order, answer)

enter(*ARGUMENTS)
"""


class NotStartedError(LifesignError):
    """The process took the script, and the agent did not start in it."""


def bring_in(
    process: RunningPython,
    directory: str,
    private: tuple[str, ...],
    settings: Mapping[str, str],
    seconds: float,
    timeout: float,
) -> dict[str, Any]:
    """Starts the agent in a process; its answer, see `agent.attaching.attached.attach`.

    Args:
        seconds: until it leaves by itself; 0 for never.
        timeout: seconds to wait for its main thread.

    Raises:
        UsageError: we may not.
        NotAnsweredError: its main thread does not come back to Python in time.
        NotStartedError: it could not be started.
    """
    if not sees(process.pid, os.path.join(_PACKAGE, "__init__.py")):
        raise UsageError(
            f"process {process.pid} is in another mount namespace: it does not see {_PACKAGE}",
            "run this in its container, or from a volume that both see at the same path",
        )
    order = (directory, private, dict(settings), seconds)
    with _papers(directory) as paper:
        ready = f"{paper}-ready.json"
        prepare = (_PACKAGE, ready, 2 * timeout + _MORE_SECONDS)
        _ask(process, directory, _PREPARE, prepare, f"{paper}-prepare", timeout)
        if _is_imported(process.pid, ready):
            _checked(process, directory, _read(ready))
        return _ask(process, directory, _ENTER, (order,), f"{paper}-enter", timeout)


def _ask(
    process: RunningPython, directory: str, code: str, arguments: tuple[Any, ...], paper: str, timeout: float
) -> dict[str, Any]:
    """Has the main thread run some code; its answer."""
    script, answer = f"{paper}.py", f"{paper}.json"
    try:
        with open(script, "x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)  # the process may be another user's than root, who runs this
            file.write(code.replace("ARGUMENTS", repr((*arguments, answer))))
    except OSError as error:
        raise RunDirectoryError(f"{directory} cannot be written: {error.strerror}", "--dir with another one") from None
    said = _inject(process, script, answer, timeout)
    if not os.path.exists(answer):
        _check_is_there(process.pid)
    if "error" in said:
        raise _refusal(process.pid, said["error"])
    if not said["answered"]:
        raise outside.not_entered(process, timeout, said["stacks"], said["woken"])
    return _checked(process, directory, _read(answer))


def _is_imported(pid: int, ready: str) -> bool:
    """Waits until the agent is imported beside the program; False where that takes long.

    Its main thread may hold the GIL meanwhile, as in a regular expression: it imports what is missing itself then.
    """
    deadline = time.monotonic() + _IMPORT_SECONDS
    while not os.path.exists(ready):
        _check_is_there(pid)
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK)
    return True


def _check_is_there(pid: int) -> None:
    if not is_there(pid):
        raise NotWatchedError(f"process {pid} has ended meanwhile", "lifesign attach with another PID")


def _checked(process: RunningPython, directory: str, found: dict[str, Any]) -> dict[str, Any]:
    if "error" in found:
        raise NotStartedError(
            f"the agent could not be started in process {process.pid}: {found['error']}",
            f"its user must be able to read {_PACKAGE} and to write to {directory}",
        )
    return found


def _refusal(pid: int, error: str) -> LifesignError:
    if any(word in error for word in _REFUSALS):
        return refused(pid)
    if not has_ptrace() and "PyRuntime" in error:
        return refused(pid)
    if "main thread" in error:
        return UsageError(f"process {pid} starts or ends at this moment, and cannot be asked: {error}", "try again")
    return UsageError(f"process {pid} cannot be asked: {error}", "lifesign attach --help")


def _inject(process: RunningPython, script: str, answer: str, timeout: float) -> dict[str, Any]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_"))}
    flags = ["-S", "-B"] if process.environ.get("PYTHONHOME") else ["-I", "-S", "-B"]
    program = [process.interpreter, *flags, os.path.abspath(injector.__file__)]
    try:
        done = subprocess.run(
            [*program, str(process.pid), script, answer, str(timeout)],
            env={**own, **process.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout + _MORE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"{process.interpreter} cannot be run: {error}"}
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "no answer"}
    return said


@contextlib.contextmanager
def _papers(directory: str) -> Iterator[str]:
    """What the names of scripts and answers begin with, which nobody knows; they are removed afterwards."""
    paper = os.path.join(directory, f"attach-{secrets.token_hex(16)}")
    try:
        yield paper
    finally:
        for path in glob.glob(f"{glob.escape(paper)}-*"):
            with contextlib.suppress(OSError):
                os.unlink(path)


def _read(answer: str) -> dict[str, Any]:
    """What the process answers, which another user may have written."""
    try:
        with open(os.open(answer, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = json.loads(file.read(_ANSWER_BYTES) or b"")
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ValueError("it is none")
        return found
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return {"error": f"its answer cannot be read: {error}"}
