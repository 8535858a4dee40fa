"""The frames of all threads, read so that it cannot hang the process."""

from __future__ import annotations

import gc
import operator
import sys
from types import FrameType

# Until 3.11.8 `sys._current_frames` may collect garbage while it holds a lock of the interpreter. What is collected may
# release the GIL (a mapped file does), and whoever then waits for that lock, holding the GIL, waits for ever: the whole
# process hangs (CPython's gh-106883). From 3.12 on nothing is collected inside of a C function.
_MAY_COLLECT = sys.version_info < (3, 12)
_call = operator.methodcaller("__call__")


def current_frames() -> dict[int, FrameType]:
    """The innermost frame of each thread, by its id."""
    if not _MAY_COLLECT or not gc.isenabled():
        return sys._current_frames()
    try:
        # In C from the first call to the last: no other thread comes between, and sees the collector disabled.
        found: dict[int, FrameType]
        _, found, _ = map(_call, (gc.disable, sys._current_frames, gc.enable))
    except BaseException:
        gc.enable()
        raise
    return found
