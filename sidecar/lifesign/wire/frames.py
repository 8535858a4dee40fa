"""Frames as they are written, and whose code one is in: the user's own, or the standard library's and packages'."""

from __future__ import annotations

from typing import TypedDict

_SAMPLE = "/lifesign/demo/"  # the sample service is installed with lifesign, and plays the user's code
_LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python3", "/lib64/python3")


class Frame(TypedDict):
    """One place in a stack."""

    function: str
    file: str
    line: int


class GroupEdge(TypedDict):
    """`count` of something belong to the group with index `group`, or wait for it."""

    group: int
    count: int


def is_library(file: str) -> bool:
    """Whether a source file is part of Python or of an installed package, by where it lies.

    A package that is installed in editable mode lies where its sources are, and counts as the user's own code. What
    Cython has compiled says where it lay when it was built, which is nowhere here.
    """
    if file.startswith("<frozen ") or file.endswith((".pyx", ".pxi")):
        return True
    return any(part in file for part in _LIBRARIES) and _SAMPLE not in file
