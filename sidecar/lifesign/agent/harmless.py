"""Nothing of ours reaches the user's code: errors end here, as one warning a minute at most."""

from __future__ import annotations

import logging
import time
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifesign.wire.records import Failure


logger = logging.getLogger("lifesign")

_QUIET_SECONDS = 60.0
_STACK_CHARACTERS = 8000
_MESSAGE_CHARACTERS = 1000

_next_warning = 0.0


def complain(what: str, error: BaseException | None = None) -> None:
    """Warns through the logger ``lifesign``, at most once a minute whatever happens."""
    global _next_warning
    now = time.monotonic()
    if now < _next_warning:
        return
    _next_warning = now + _QUIET_SECONDS
    try:
        reason = "" if error is None else f": {type(error).__name__}: {error}"
        logger.warning("lifesign: %s%s; the service goes on without", what, reason)
    except Exception:  # noqa: BLE001, S110 - a log handler of the user's may be what is broken
        pass


class Harmless:
    """``with harmless:`` - an exception inside is complained of and goes no further."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        complain("the agent failed", error)
        return True


harmless = Harmless()


def failure(error: BaseException) -> Failure:
    """An exception as a record: type, message and where, without a single value of a variable."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001 - the user's __str__
        message = "<its message cannot be read>"
    # Formatted without the exception itself: its __str__ was asked once, that is enough.
    stack = "".join(traceback.format_tb(error.__traceback__))
    return {"type": name, "message": message[:_MESSAGE_CHARACTERS], "stack": stack[-_STACK_CHARACTERS:]}
