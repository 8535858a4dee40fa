"""Sees every event loop start and end, whichever way it is run.

asyncio, uvloop and their like all call ``_set_running_loop`` as a loop starts and again with None
as it ends, so that one function is wrapped: before the first step, at no cost per iteration.

`agent/inject/sitecustomize.py` loads this file by its path, before anything else of lifesign is
imported; it must not import the package at module level.
"""

from __future__ import annotations

import sys
from typing import Any


def observe(events: Any) -> None:
    """Wraps ``_set_running_loop`` of the module ``asyncio.events``, once."""
    original = events._set_running_loop
    if hasattr(original, "lifesign_observes"):
        return
    broken = False

    def _set_running_loop(loop: Any) -> None:
        nonlocal broken
        original(loop)
        if loop is None and not hasattr(sys.modules.get("lifesign.agent.loops"), "changed"):
            # No loop can have begun. And a child that is forked while another thread of its parent imports the
            # agent comes by here: if it imported too it would wait for that thread, which it does not have.
            return
        if not broken:
            try:
                import lifesign

                with lifesign.importing:
                    from lifesign.agent import loops

                loops.changed(loop)
            except Exception:  # noqa: BLE001 - whatever it is, it must not reach the host; once is enough
                broken = True

    _set_running_loop.lifesign_observes = True  # type: ignore[attr-defined]
    events._set_running_loop = _set_running_loop
    package = sys.modules.get("asyncio")
    # uvloop takes the function from the package, asyncio's own loops from the module.
    if hasattr(package, "_set_running_loop"):
        package._set_running_loop = _set_running_loop  # type: ignore[union-attr]
