"""Whose code a frame is in: the user's own, or the standard library's and installed packages'."""

from __future__ import annotations

_LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python3", "/lib64/python3")


def is_library(file: str) -> bool:
    """Whether a source file is part of Python or of an installed package, by where it lies.

    A package that is installed in editable mode lies where its sources are, and counts as the user's own code.
    """
    return file.startswith("<frozen ") or any(part in file for part in _LIBRARIES)
