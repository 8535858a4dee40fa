"""Frames as they are written, and whose code one is in: the user's own, or the standard library's and packages'."""

from __future__ import annotations

from typing import TypedDict

_SAMPLE = "/lifesign/demo/"  # the sample service is installed with lifesign, and plays the user's code
# The agent runs from where it was put, too.
_PACKAGES = ("/site-packages/", "/dist-packages/")
_LIBRARIES = (
    *_PACKAGES, "/lib/python3", "/lib64/python3", "/lifesign/agent/", "/lifesign/wire/",
)  # fmt: skip
_IMPORTING = "<frozen importlib"  # the files of Python's import system, but for one
_BY_NAME = "/importlib/__init__.py"  # whoever calls `import_module` imports


class Frame(TypedDict):
    """One place in a stack."""

    function: str
    file: str
    line: int


class CaughtError(TypedDict):
    """An exception that a task keeps: that its own code has caught, or that of a task that it waits for with others."""

    type: str
    message: str
    place: Frame | None  # where it was raised, in the user's own code
    collected: bool  # it is that of another task


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


def is_package(file: str) -> bool:
    """Whether a source file is part of an installed package."""
    return any(part in file for part in _PACKAGES)


def exception_text(kind: str, message: str) -> str:
    """An exception in short: ``ValueError: no price``, or its type alone where it says nothing."""
    return f"{kind}: {message}" if message else kind


def importing(stack: list[Frame]) -> tuple[Frame, str] | None:
    """Who imports something, and the file of that, empty while it is looked for; of a stack, outermost frame first.

    It is the import that the innermost frame of the user's own code waits for. Where none is the user's own, it is
    the outermost one of what the event loop has called.
    """
    begin = 0
    for index, frame in enumerate(stack):
        if frame["function"].rpartition(".")[2] == "_run_once" or (frame["file"] and not is_library(frame["file"])):
            begin = index
    first = next((at for at in range(begin, len(stack)) if stack[at]["file"].startswith(_IMPORTING)), None)
    if first is None:
        return None
    who = first
    while who > begin and (who == first or stack[who]["file"].endswith(_BY_NAME)):
        who -= 1
    return stack[who], next((one["file"] for one in stack[first:] if one["function"] == "<module>"), "")
