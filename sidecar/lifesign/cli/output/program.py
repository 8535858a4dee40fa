"""A command line as it may be shown and stored: its arguments may hold passwords, so there are none."""

from __future__ import annotations

import os
from typing import Sequence

HIDDEN = "..."
_PYTHON_FLAGS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def name(command: Sequence[str]) -> str:
    """What a person would call the program: the script or module that a Python runs, or the program itself."""
    program = os.path.basename(command[0])
    if not program.startswith(("python", "pypy")):
        return program
    words = iter(command[1:])
    for word in words:
        if word == "-c":
            break
        if word == "-m":
            return next(words, program)
        if word in _PYTHON_FLAGS_WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return os.path.basename(word)
    return program


def shown(command: Sequence[str]) -> list[str]:
    """The program, and a sign that there are arguments."""
    return [name(command), *([HIDDEN] if len(command) > 1 else [])]
