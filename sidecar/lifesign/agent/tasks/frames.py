"""The frames of all threads, read so that it cannot hang the process."""

from __future__ import annotations

import gc
import operator
import sys
from collections import deque
from functools import partial
from itertools import compress
from types import FrameType
from typing import Callable

# Until 3.11.8 `sys._current_frames` may collect garbage while it holds a lock of the interpreter. What is collected may
# release the GIL (a mapped file does), and whoever then waits for that lock, holding the GIL, waits for ever: the whole
# process hangs (CPython's gh-106883). From 3.12 on nothing is collected inside of a C function.
_MAY_COLLECT = sys.version_info < (3, 12)
_call = operator.methodcaller("__call__")


def current_frames() -> dict[int, FrameType]:
    """The innermost frame of each thread, by its id."""
    if not _MAY_COLLECT:
        return sys._current_frames()
    # In C from the first call to the last: no other thread comes between, sees the collector disabled or disables it
    # itself, which is to last. `enable` has what enables it again, if anything, by when it is come to.
    enable: list[Callable[[], None]] = []
    asked = compress((gc.enable,), map(_call, (gc.isenabled,)))
    found: dict[int, FrameType]
    try:
        _, _, found, _ = map(
            _call,
            (partial(enable.extend, asked), gc.disable, sys._current_frames, partial(deque, map(_call, enable), 0)),
        )
    except BaseException:
        deque(map(_call, enable), 0)
        raise
    return found
