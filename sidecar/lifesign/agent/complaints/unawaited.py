"""Coroutines that were never awaited: what Python warns of, noted without a change to the warning.

Python calls ``warnings._warn_unawaited_coroutine``, which calls ``warn`` with a stack level. A function around it would
be a frame more: the warning would name a line of ours. So it is the same function with other globals, which notice when
it looks ``warn`` up.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from types import CoroutineType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any, Callable

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.harmless import complain
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.walk import place
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.complaints import AsyncioComplaint
    from lifesign.wire.records import Frame

_FUNCTION = "_warn_unawaited_coroutine"
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FRAMES_MAX = 100

_counted: list[Counted] = []  # where they are noted; empty while no agent runs


class _Globals(dict):  # type: ignore[type-arg]
    """The globals of the function, looked up where they have always been."""

    def __init__(self, original: dict[str, Any]) -> None:
        super().__init__(original)
        self._original = original

    def __getitem__(self, name: str) -> Any:
        found = self._original[name]
        if name == "warn" or name == "_wm":  # the last thing that it does (3.14 calls `_wm.warn`)
            try:
                _note(sys._getframe(1))
            except BaseException as error:  # noqa: BLE001 - in the middle of the program's code
                complain("a coroutine that was never awaited could not be noted", error)
        return found


def observe(counted: Counted) -> None:
    """Notes them from now on."""
    _counted[:] = [counted]
    original: Any = getattr(warnings, _FUNCTION, None)
    if type(original) is not FunctionType or isinstance(original.__globals__, _Globals):
        return
    if "warn" in original.__code__.co_names:
        made = FunctionType(original.__code__, _Globals(original.__globals__), original.__name__)
        made.lifesign_original = original  # type: ignore[attr-defined]
        setattr(warnings, _FUNCTION, made)


def rest() -> None:
    """Notes none any more."""
    _counted.clear()


def forget() -> None:
    """Undoes `observe`, unless somebody has put another function in its place since then."""
    ours: Any = getattr(warnings, _FUNCTION, None)
    if hasattr(ours, "lifesign_original"):
        setattr(warnings, _FUNCTION, ours.lifesign_original)


def _note(frame: FrameType) -> None:
    coroutine = frame.f_locals.get("coro")
    if type(coroutine) is not CoroutineType or not _counted or coroutine.cr_code.co_filename.startswith(_OURS):
        return
    function = odd.text(coroutine.__qualname__)
    where = _dropped_at(frame.f_back)
    made = _complaint(function, where)
    _counted[0].note(("never awaited", function, where and (where["file"], where["line"])), made)


def _complaint(function: str, where: Frame | None) -> Callable[[], AsyncioComplaint]:
    return lambda: {
        "kind": "asyncio_complaint",
        "text": f"coroutine '{function}' was never awaited",
        "task": "",
        "function": function,
        "place": where,
        "error": None,
        "count": 1,
        "at": time.time_ns(),
    }


def _dropped_at(frame: FrameType | None) -> Frame | None:
    """The user's own line at which the last reference to it went."""
    innermost = frame
    for _ in range(_FRAMES_MAX):
        if frame is None:
            break
        if not is_library(frame.f_code.co_filename):
            return place(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return None if innermost is None else place(innermost.f_code, innermost.f_lineno)
