"""Exceptions that nobody can ask for: of a job of an executor, or of a coroutine that another thread has handed to a
loop, whose future nobody has kept.

`concurrent.futures` stores an exception in the future and says nothing. `Future.set_exception`, which is called for
failures alone, also notes it here, unless somebody waits for that future or is to be called back. Where the library
itself lets go of the future at once, in the thread that has set the exception, nobody else had it. One that somebody
keeps may still be asked, and nothing is said of it.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future
from typing import Any

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.complaints.deaths import began_in, died, is_death
from lifesign.agent.harmless import complain
from lifesign.agent.native import get_ident
from lifesign.agent.tasks import odd
from lifesign.loading import from_signal_handler

EXECUTOR, LOOP = "executor", "loop"
AT_ONCE_SECONDS = {EXECUTOR: 1.0, LOOP: 0.005}  # a coroutine of the same loop may have looked at it in between
KEPT_MAX = 100  # exceptions that are held until it is known whether somebody has the future
_LIBRARY = {EXECUTOR: "concurrent.futures.", LOOP: "asyncio."}  # which lets go of it, where nobody else has it
_TOO_LATE = "cannot schedule new futures after"  # (interpreter) shutdown: the program ends, and nothing has failed
_OF_ASYNCIO = "_chain_future.<locals>._call_check_cancel"  # by which a future only hands on that it is cancelled


class _Failed:
    def __init__(
        self,
        reference: weakref.ReferenceType[Any],
        error: BaseException,
        traceback: Any,
        handed: str,
        thread: int,
        since: float,
    ) -> None:
        self.reference = reference
        self.error = error
        self.traceback = traceback  # whoever asks by `result` adds to it
        self.handed = handed
        self.thread = thread
        self.since = since


_counted: list[Counted] = []  # where they are noted; empty while no agent runs
_failed: dict[int, _Failed] = {}  # by the id of the reference


def observe(counted: Counted) -> None:
    """Notes those from now on."""
    _counted[:] = [counted]
    original: Any = Future.set_exception
    if hasattr(original, "lifesign_original"):
        return

    @functools.wraps(original)
    def set_exception(self: Any, exception: Any) -> None:
        handed = ""
        try:
            if _counted:
                handed = _handed(self, exception)
        finally:  # also where a signal handler raises in the middle of that: somebody may wait for this future
            original(self, exception)
        if handed:
            _remember(self, exception, handed)

    set_exception.lifesign_original = original  # type: ignore[attr-defined]
    Future.set_exception = set_exception  # type: ignore[method-assign]


def rest() -> None:
    """Notes none any more."""
    _counted.clear()
    _failed.clear()


def forget() -> None:
    """Undoes `observe`, unless somebody has put another function in its place since then."""
    ours: Any = Future.set_exception
    if hasattr(ours, "lifesign_original"):
        Future.set_exception = ours.lifesign_original  # type: ignore[method-assign]


def let_go() -> None:
    """Lets go of what somebody has kept; asked about once a second."""
    if _failed:
        late = time.monotonic() - max(AT_ONCE_SECONDS.values())
        for key, one in list(_failed.items()):
            if one.since < late:
                _failed.pop(key, None)


def _handed(future: Any, error: Any) -> str:
    """To whom its job was handed, where nobody waits for the future now and it will call nobody; else empty."""
    watched: Any = future
    try:
        if type(future) is not Future or not is_death(error) or isinstance(error, CancelledError):
            return ""
        said = error.args[0] if type(error) is RuntimeError and error.args else None
        if type(said) is str and said.startswith(_TOO_LATE):
            return ""
        if watched._waiters or watched._condition._waiters:
            return ""
        called = [odd.read(one, "__qualname__") for one in watched._done_callbacks]
        if called not in ([], [_OF_ASYNCIO]):
            return ""
        return LOOP if called else EXECUTOR
    except Exception as failed:
        if from_signal_handler(failed):
            raise
        complain("a future that failed could not be looked at", failed)
        return ""


def _remember(future: Any, error: BaseException, handed: str) -> None:
    if len(_failed) < KEPT_MAX:
        reference = weakref.ref(future, _gone)
        traceback = error.__traceback__
        _failed[id(reference)] = _Failed(reference, error, traceback, handed, get_ident(), time.monotonic())


def _gone(reference: weakref.ReferenceType[Any]) -> None:
    one = _failed.pop(id(reference), None)
    try:
        if one is None or not _counted or not _was_nobodys(one, str(sys._getframe(1).f_globals.get("__name__"))):
            return
    except ValueError:  # there is no frame: a thread that has ended lets go of its `threading.local`
        return
    try:
        threads = threading._active  # type: ignore[attr-defined] # `current_thread` would make one
        function = began_in(one.error)
        name = odd.text(odd.read(threads.get(one.thread), "_name") or "") if function and one.handed == EXECUTOR else ""
        died(_counted[0], name, function, one.error, referenced=False, handed=one.handed)
    except BaseException as failed:  # noqa: BLE001 - of an exception's own `__str__`, say
        complain("a job that failed could not be noted", failed)


def _was_nobodys(one: _Failed, module: str) -> bool:
    """Whether nobody had that future but the library, in one of whose modules it was let go of."""
    return (
        module.startswith(_LIBRARY[one.handed])
        and one.thread == get_ident()
        and one.error.__traceback__ is one.traceback
        and time.monotonic() - one.since < AT_ONCE_SECONDS[one.handed]
    )
