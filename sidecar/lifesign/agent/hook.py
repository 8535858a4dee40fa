"""Sees every event loop start and end, whichever way it is run.

asyncio, uvloop and their like all call ``_set_running_loop`` as a loop starts and again with None
as it ends, so that one function is wrapped: before the first step, at no cost per iteration.

It is imported as soon as asyncio is, long before there is a loop, so it imports next to nothing.
"""

from __future__ import annotations

import _thread
import sys

from lifesign.loading import from_signal_handler

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every program that imports asyncio
if TYPE_CHECKING:
    from typing import Any, Callable


def in_main_interpreter() -> bool:
    """Whether this is no subinterpreter: the end of one that has a thread of ours would end the process."""
    try:
        if hasattr(_thread, "_is_main_interpreter"):  # since 3.12, and to ask it imports nothing
            return bool(_thread._is_main_interpreter())
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]

        return bool(interpreters.get_main() == interpreters.get_current())
    except Exception:  # noqa: BLE001 - where there is no such module there are no subinterpreters
        return True


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
            except BaseException as error:
                if isinstance(error, Exception) and not from_signal_handler(error):
                    broken = True  # whatever it is, it must not reach the host; once is enough
                    return
                _clean_up(loop)
                raise

    def rest() -> None:
        nonlocal broken
        broken = True

    _set_running_loop.lifesign_observes = events  # type: ignore[attr-defined]
    _set_running_loop.lifesign_rest = rest  # type: ignore[attr-defined]
    _set_running_loop.lifesign_original = original  # type: ignore[attr-defined]
    events._set_running_loop = _set_running_loop
    package = sys.modules.get("asyncio")
    # uvloop takes the function from the package, asyncio's own loops from the module.
    if hasattr(package, "_set_running_loop"):
        package._set_running_loop = _set_running_loop  # type: ignore[union-attr]


def _clean_up(loop: Any) -> None:
    """A signal handler raised while we were at work: the loop does not run, and can be closed or run again.

    Since Python 3.13 a loop starts outside the ``try`` that ends it, where a program's handler hardly ever meets it: it
    is a few instructions, and an import of all the agent.
    """
    clean_up = getattr(loop, "_run_forever_cleanup", None)  # None also where a loop has ended
    if clean_up is not None:
        clean_up()


def forget(events: Any) -> None:
    """Undoes `observe`. Where somebody has wrapped ours since then it stays, and does nothing."""
    for module in (events, sys.modules.get("asyncio")):
        ours: Any = getattr(module, "_set_running_loop", None)
        if getattr(ours, "lifesign_observes", None) is events:
            ours.lifesign_rest()
            module._set_running_loop = ours.lifesign_original  # type: ignore[union-attr]
