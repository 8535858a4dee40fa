"""Whether the agent on ``PYTHONPATH`` gets in: Python runs the first ``sitecustomize`` that it finds, and no other."""

from __future__ import annotations

from typing import Mapping

from lifesign.cli.examine.problem import Problem
from lifesign.cli.supervise.interpreter import shadowing


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """What stands before the agent; nothing where it is not on ``PYTHONPATH``."""
    shadowed = shadowing(environ.get("PYTHONPATH", ""))
    if shadowed is None:
        return []
    before, ours = shadowed
    what = (
        f"the sitecustomize of {before} stands before that of lifesign on PYTHONPATH: "
        "programs are watched only where lifesign is installed in their own environment"
    )
    return [Problem(what, f"pip install lifesign there, or put {ours} first")]
