"""Nothing of ours reaches the user's code: errors end here, with at most one warning per minute.

And nothing of the user's reaches ours: what is handed to a call is read behind a guard.
"""

from __future__ import annotations

import logging
import math
import time
from _thread import get_native_id
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from lifesign.loading import from_signal_handler
from lifesign.redact import redacted

if TYPE_CHECKING:
    from lifesign.wire.records import AgentWarning

logger = logging.getLogger("lifesign")
logger.addHandler(logging.NullHandler())  # what a program prints is its own, so unless it logs this is not seen

Default = TypeVar("Default", float, None)

_SECONDS_MAX = 1e9  # as nanoseconds it still fits 63 bits
_QUIET_SECONDS = 60.0
_TEXT_CHARACTERS = 500
_HANDLER_SECONDS = 0.02  # that a log handler is waited for

_next_warning = 0.0
_warnings = 0  # of this process, also those that were not said
_waiting: str | None = None  # the newest that the sidecar does not know
_own_threads: set[int] = set()  # by their native ids


def in_own_thread(native_id: int) -> None:
    """Says that this thread is ours: a log handler of the program's that hangs must not hang it."""
    _own_threads.add(native_id)


def complain(what: str, error: BaseException | None = None) -> None:
    """Warns through the logger ``lifesign``, at most once a minute whatever happens; the sidecar hears of it too.

    The sidecar alone hears of what the watchdog says.
    """
    global _next_warning, _warnings, _waiting
    _warnings += 1
    now = time.monotonic()
    if now < _next_warning:
        return
    _next_warning = now + _QUIET_SECONDS
    try:
        reason = "" if error is None else f": {type(error).__name__}: {redacted(str(error))}"
        _waiting = f"{what}{reason}"[:_TEXT_CHARACTERS]
        if get_native_id() not in _own_threads and _can_log():
            logger.warning("lifesign: %s%s; the service continues without it", what, reason)
    except Exception:  # noqa: BLE001, S110 - a log handler of the user's may be what is broken
        pass


def _can_log() -> bool:
    """Whether no other thread has one of the handlers, perhaps for long: in the middle of a write that hangs, say."""
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if handler.lock is not None:
                if not handler.lock.acquire(timeout=_HANDLER_SECONDS):
                    return False
                handler.lock.release()
        at = at.parent if at.propagate else None
    return True


def take_warning() -> AgentWarning | None:
    """The newest warning that the sidecar does not know, as a record: the watchdog writes it.

    Not written where it arises: that may be in the middle of a record, or in a signal handler.
    """
    global _waiting
    if _waiting is None:
        return None
    text, _waiting = _waiting, None
    return {"kind": "agent_warning", "text": text, "count": _warnings, "at": time.time_ns()}


class Harmless:
    """``with harmless:`` - an exception inside is logged and goes no further."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, Exception) or from_signal_handler(error):
            return False
        complain("the agent failed", error)
        return True


harmless = Harmless()


def text(value: object) -> str:
    """As a string; empty where it has none."""
    try:
        return "".join((str(value),))  # a plain str, also of a subclass with methods of its own
    except Exception as error:  # noqa: BLE001 - the user's __str__
        complain(f"a {type(value).__name__} cannot be read as a name", error)
        return ""


def name_of(function: object) -> str:
    """Its ``__name__``; empty where it has none."""
    try:
        return text(getattr(function, "__name__", ""))
    except Exception:  # noqa: BLE001 - a proxy's __getattr__
        return ""


def seconds(name: str, value: Any, default: Default) -> float | Default:
    """As a number of seconds above 0."""
    try:
        number = float(value)
        if 0 < number <= _SECONDS_MAX and math.isfinite(number):
            return number
    except Exception:  # noqa: BLE001, S110 - anything at all
        pass
    complain(f"{name} is a number of seconds above 0, not {shown(value)}: it counts as {default}")
    return default


def truth(name: str, value: object) -> bool:
    """As True or False; True where it is neither."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - such as an array's
        complain(f"{name} is True or False, not {shown(value)}: it counts as True")
        return True


def shown(value: object) -> str:
    """A number or a string as it is written; of anything else only the type, which can be read without harm."""
    return repr(value)[:100] if type(value) in (int, float, str, bool) else f"a {type(value).__name__}"
