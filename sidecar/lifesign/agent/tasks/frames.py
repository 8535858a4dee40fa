"""The frames of all threads, read so that it cannot hang the process."""

from __future__ import annotations

import gc
import operator
import sys
from collections import deque
from functools import partial
from itertools import compress
from types import FrameType
from typing import Any, Callable, TypeVar

# Until 3.11.8 `sys._current_frames` may collect garbage while it holds a lock of the interpreter, and so may
# `sys._current_exceptions`. What is collected may release the GIL (a mapped file does), and whoever then waits for that
# lock, holding the GIL, waits for ever: the whole process hangs (CPython's gh-106883). From 3.12 on nothing is
# collected inside of a C function.
_MAY_COLLECT = sys.version_info < (3, 12)
T = TypeVar("T")
_call = operator.methodcaller("__call__")


def current_frames() -> dict[int, FrameType]:
    """The innermost frame of each thread, by its id."""
    return _uncollected(sys._current_frames)


def handled_by(thread: int) -> BaseException | None:
    """The exception that a thread handles; None where there is none, and before 3.10, which does not say."""
    read: Callable[[], dict[int, Any]] | None = getattr(sys, "_current_exceptions", None)
    found = None if read is None else _uncollected(read).get(thread)
    return found[1] if type(found) is tuple else found  # up to 3.11 with its type and traceback


def _uncollected(read: Callable[[], T]) -> T:
    """What a function of `sys` returns that may not collect garbage meanwhile."""
    if not _MAY_COLLECT:
        return read()
    # In C from the first call to the last: no other thread comes between, sees the collector disabled or disables it
    # itself, which is to last. `enable` has what enables it again, if anything, by when it is come to.
    enable: list[Callable[[], None]] = []
    asked = compress((gc.enable,), map(_call, (gc.isenabled,)))
    found: T
    try:
        _, _, found, _ = map(
            _call,
            (partial(enable.extend, asked), gc.disable, read, partial(deque, map(_call, enable), 0)),
        )
    except BaseException:
        deque(map(_call, enable), 0)
        raise
    return found
