"""Threads that died: Python prints their exception, and nobody is there to miss them.

`threading.excepthook` is the program's to replace, so it is left alone. What calls it is made for each thread by a
function of `threading`'s own; ours makes the same, which notes the exception first.
"""

from __future__ import annotations

import functools
import sys
import threading
from typing import Any, Callable

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.complaints.deaths import began_in, died, is_death
from lifesign.agent.harmless import complain
from lifesign.agent.tasks import odd

_MAKES = "_make_invoke_excepthook"

_counted: list[Counted] = []  # where they are noted; empty while no agent runs


def observe(counted: Counted) -> None:
    """Notes those from now on that are made from now on."""
    _counted[:] = [counted]
    original: Any = getattr(threading, _MAKES, None)
    if not callable(original) or hasattr(original, "lifesign_original"):
        return

    def make() -> Callable[[Any], None]:
        invoke = original()
        return functools.partial(_invoked, invoke) if callable(invoke) else invoke

    make.lifesign_original = original  # type: ignore[attr-defined]
    setattr(threading, _MAKES, make)


def rest() -> None:
    """Notes none any more."""
    _counted.clear()


def forget() -> None:
    """Undoes `observe`, unless somebody has put another function in its place since then."""
    ours: Any = getattr(threading, _MAKES, None)
    if hasattr(ours, "lifesign_original"):
        setattr(threading, _MAKES, ours.lifesign_original)


def _invoked(invoke: Callable[[Any], None], thread: Any) -> None:
    """In the thread that has ended, while its exception is handled."""
    error = sys.exc_info()[1]
    if _counted and error is not None and is_death(error):
        try:
            name = odd.text(odd.read(thread, "_name") or "")
            died(_counted[0], name, began_in(error), error, referenced=False, thread=True)
        except BaseException as failed:  # noqa: BLE001 - whatever the exception is, the program's own hook is called
            complain("a thread that died could not be noted", failed)
    invoke(thread)
