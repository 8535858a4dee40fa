"""A Python of our own: what a program customizes in its interpreter by the environment is not for us.

A ``sitecustomize`` on ``PYTHONPATH`` may print, start threads, patch modules or export telemetry in the program's name.
"""

from __future__ import annotations

import os
import sys
from typing import Mapping, Sequence

import lifesign
from lifesign.cli.output.terminal import say

_PACKAGE = os.path.dirname(os.path.abspath(lifesign.__file__))


def command(environ: Mapping[str, str]) -> list[str]:
    """Program and arguments that run the command ``lifesign`` without what `environ` customizes."""
    flags = ["-S"]
    if not environ.get("PYTHONHOME"):  # without it, this Python would not find itself
        flags.append("-E")
    if environ.get("PYTHONDONTWRITEBYTECODE"):
        flags.append("-B")
    return [sys.executable, *flags, os.path.join(_PACKAGE, "__main__.py")]


def begin_anew(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Replaces this process by one without the program's ``sitecustomize``, where that has been run already.

    What it printed has been printed; its threads and patches are gone. Nor is ``PYTHONINSPECT`` for us:
    with it a Python shows what it exits with, and exits with 1.
    """
    program = command(environ)
    module = sys.modules.get("sitecustomize")
    file = getattr(module, "__file__", None)
    if file is not None and os.path.dirname(os.path.abspath(file)) in _paths(environ):
        what = str(file)
    elif sys.flags.inspect and "-E" in program:
        what = "PYTHONINSPECT"
    else:
        return
    try:
        os.execve(program[0], [*program, *argv], environ)  # noqa: S606
    except OSError as error:
        say(f"{what} counts in the supervisor too: {error.strerror}")


def shadowing(python_path: str) -> tuple[str, str] | None:
    """The folder on ``PYTHONPATH`` whose ``sitecustomize`` Python runs in place of the agent's, and the agent's folder.

    Python runs the first one that it finds, and no other.
    """
    paths = python_path.split(os.pathsep)
    for number, path in enumerate(paths):
        if is_way_in(path):
            before = [one for one in paths[:number] if _has(one, "sitecustomize.py", "sitecustomize/__init__.py")]
            return (before[0] or os.curdir, path) if before else None
    return None


def is_way_in(python_path: str) -> bool:
    """Whether the agent is on ``PYTHONPATH``."""
    return any(_has(path, "lifesign_inject.py") for path in python_path.split(os.pathsep))


def _has(path: str, *names: str) -> bool:
    return any(os.path.isfile(os.path.join(path, name)) for name in names)


def _paths(environ: Mapping[str, str]) -> set[str]:
    return {os.path.abspath(path) for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path}
