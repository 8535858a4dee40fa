"""Whether the agent on ``PYTHONPATH`` gets in: Python runs the first ``sitecustomize`` that it finds, and no other."""

from __future__ import annotations

import os
from typing import Mapping

from lifesign.cli.examine.problem import Problem


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """What stands before the agent; nothing where it is not on ``PYTHONPATH``."""
    paths = environ.get("PYTHONPATH", "").split(os.pathsep)
    for number, path in enumerate(paths):
        if _has(path, "lifesign_inject.py"):
            shadowing = [
                before for before in paths[:number] if _has(before, "sitecustomize.py", "sitecustomize/__init__.py")
            ]
            return [_shadowed(shadowing[0], path)] if shadowing else []
    return []


def _shadowed(before: str, path: str) -> Problem:
    what = (
        f"the sitecustomize of {before or os.curdir} stands before that of lifesign on PYTHONPATH: "
        "programs are watched only where lifesign is installed in their own environment"
    )
    return Problem(what, f"pip install lifesign there, or put {path} first")


def _has(path: str, *names: str) -> bool:
    return any(os.path.isfile(os.path.join(path, name)) for name in names)
