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

    What it printed has been printed; its threads and patches are gone.
    """
    module = sys.modules.get("sitecustomize")
    file = getattr(module, "__file__", None)
    if file is None or os.path.dirname(os.path.abspath(file)) not in _paths(environ):
        return
    program = command(environ)
    try:
        os.execve(program[0], [*program, *argv], environ)  # noqa: S606
    except OSError as error:
        say(f"{file} runs in the supervisor too: {error.strerror}")


def _paths(environ: Mapping[str, str]) -> set[str]:
    return {os.path.abspath(path) for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path}
