"""Whether the agent gets into the Python that a command line starts: tried with that Python, not with the program."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from typing import Mapping, Sequence

from lifesign.cli.examine.problem import Finding, Passed, Problem
from lifesign.cli.options.arguments import Given
from lifesign.cli.supervise import descendants, rundirectory
from lifesign.cli.supervise.environment import environments
from lifesign.errors import LifesignError

_PROGRAM = "import asyncio, platform\nprint(platform.python_version(), flush=True)\nasyncio.run(asyncio.sleep(0.05))"
_SECONDS = 20.0
_FIRST_LINE = 256  # bytes, as the kernel reads it
_PYTHONS = ("python", "pypy")
_ISOLATED = frozenset("IES")  # flags that leave out what is on PYTHONPATH


def findings(command: Sequence[str], given: Given, environ: Mapping[str, str]) -> list[Finding]:
    """Runs an event loop for a moment in the Python of `command`, and sees whether it is watched."""
    python = interpreter(command, environ)
    shown = command[0]
    if python is None:
        if shutil.which(shown, path=environ.get("PATH")) is None:
            return [Problem(f"{shown} is not found", "the full path, or check PATH")]
        what = f"{shown} is no Python and no script of one, so whether the agent gets into what it starts is not known"
        return [Problem(what, f"lifesign smoke -- {shlex.join(command)}")]
    isolated = [flag for flag in python[1:] if _ISOLATED.intersection(flag[1:])]
    if isolated:
        what = f"{shown} starts Python with {isolated[0]}, which leaves the agent on PYTHONPATH out"
        return [Problem(what, f"without {isolated[0]}, or pip install lifesign in its environment")]
    with contextlib.ExitStack() as stack:
        try:
            directory = rundirectory.make(None, stack)
            inside = environments(given, environ, directory, descendants.new_id()).command
        except LifesignError as error:
            return [Problem.of(error)]
        try:
            done = subprocess.run(
                [*python, "-c", _PROGRAM], env=inside, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            return [Problem(f"{python[0]} cannot be run: {error}", "check the path and its #! line")]
        version = done.stdout.decode(errors="replace").strip()
        if os.listdir(directory):
            return [Passed(f"the agent gets into {python[0]} (Python {version})")]
    said = done.stderr.decode(errors="replace").strip().splitlines()
    why = f": {said[-1]}" if said else ""
    what = f"the agent does not get into {python[0]} (Python {version or 'unknown'}){why}"
    return [Problem(what, "pip install lifesign in its environment; Python 3.9 or newer is needed")]


def interpreter(command: Sequence[str], environ: Mapping[str, str]) -> list[str] | None:
    """The Python that a command line starts, with its flags; None where that cannot be seen."""
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        return None
    if os.path.basename(program).startswith(_PYTHONS):
        flags = []
        for word in command[1:]:
            if not word.startswith("-") or word in ("-", "-c", "-m"):
                break
            flags.append(word)
        return [program, *flags]
    with contextlib.suppress(OSError), open(program, "rb") as file:
        first = file.readline(_FIRST_LINE).decode(errors="replace")
        if first.startswith("#!"):
            return _of_script(first[2:].split(), environ)
    return None


def _of_script(words: list[str], environ: Mapping[str, str]) -> list[str] | None:
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
    if not words or not os.path.basename(words[0]).startswith(_PYTHONS):
        return None
    program = shutil.which(words[0], path=environ.get("PATH"))
    return None if program is None else [program, *words[1:]]
