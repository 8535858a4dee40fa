"""How a task has taken its cancellation, where it did not end of it."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, Literal

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.walk import Link

_COUNTED = sys.version_info >= (3, 11)  # only then a task knows how often it was asked to


def cancelled(task: Any, stack: list[Link]) -> Literal["", "swallowed", "cleanup"]:
    """``cleanup`` while it waits in a handler of the exception, ``swallowed`` where it has left that and goes on.

    Before 3.11 a task that goes on cannot be distinguished from one that was never cancelled.
    """
    if _COUNTED and not (odd.call(task, "cancelling") or 0):
        return ""
    if odd.read(task, "_must_cancel") is True:
        return ""  # it has not heard of it yet
    # A coroutine that is suspended in a handler refers to the exception, whatever its frame has.
    if any(type(found) is asyncio.CancelledError for link in stack for found in gc.get_referents(link.awaitable)):
        return "cleanup"
    return "swallowed" if _COUNTED else ""
