"""Sees every event loop start and end, whichever way it is run.

asyncio, uvloop and their like all call ``_set_running_loop`` as a loop starts and again with None
as it ends, so that one function is wrapped: before the first step, at no cost per iteration.

It is imported as soon as asyncio is, long before there is a loop, so it imports next to nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every program that imports asyncio
if TYPE_CHECKING:
    from typing import Any, Callable


def observe(events: Any, changed: Callable[[Any], None]) -> None:
    """Wraps ``_set_running_loop`` of the module ``asyncio.events``, once.

    Args:
        changed: called in the loop's thread with a loop that starts, and with None when it has ended.
    """
    original = events._set_running_loop
    if hasattr(original, "lifesign_observes"):
        return
    broken = False

    def _set_running_loop(loop: Any) -> None:
        nonlocal broken
        original(loop)
        if not broken:
            try:
                changed(loop)
            except Exception:  # noqa: BLE001 - whatever it is, it must not reach the host; once is enough
                broken = True

    _set_running_loop.lifesign_observes = True  # type: ignore[attr-defined]
    events._set_running_loop = _set_running_loop
    package = sys.modules.get("asyncio")
    # uvloop takes the function from the package, asyncio's own loops from the module.
    if hasattr(package, "_set_running_loop"):
        package._set_running_loop = _set_running_loop  # type: ignore[union-attr]
