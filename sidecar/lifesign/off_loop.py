"""Blocking calls beside the event loop, in threads that cannot keep the sidecar from ending."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import Callable, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Report = Callable[[], None]
Call = Callable[[], Report]

BUSY, IDLE = "lifesign-off-loop", "lifesign-idle"  # names of the threads
_IDLE_MAX = 10.0  # seconds a thread waits for another call

_idle: list[SimpleQueue[Call]] = []  # of the threads that wait, the newest last


async def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, called in a daemon thread that does nothing else meanwhile.

    The event loop's own executor waits for its threads when the process ends: one hanging call would
    hold the exit up. Cancelled, this returns at once and the thread is left behind.

    Raises:
        Exception: what `function` raises; `OSError` where no thread can be started.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is a result where there is no error

    def report(result: T | None, error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, error)

    def call() -> Report:
        result: T | None = None
        error: Exception | None = None
        try:
            result = function(*args, **kwargs)
        except BaseException as caught:  # noqa: BLE001 - it is raised again where the result is awaited
            error = _fit_for_a_future(caught)
        return partial(report, result, error)

    try:
        _in_a_thread(call)
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, f"no thread: {error}") from None
    return await future


def _in_a_thread(call: Call) -> None:
    """In one that waits, since starting one costs three times as much, or else in a new one."""
    try:
        inbox = _idle.pop()
    except IndexError:
        threading.Thread(target=_work, args=(call,), name=BUSY, daemon=True).start()
    else:
        inbox.put(call)


def _work(call: Call | None) -> None:
    inbox: SimpleQueue[Call] = SimpleQueue()
    thread = threading.current_thread()
    # A signal goes to any thread that does not block it: it is meant for the one that waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while call is not None:
        thread.name = BUSY
        report = call()
        del call  # and with it what it holds on to
        thread.name = IDLE
        _idle.append(inbox)  # before it reports: whoever waits for that may have the next call for it
        report()
        del report
        call = _next(inbox)


def _next(inbox: SimpleQueue[Call]) -> Call | None:
    try:
        return inbox.get(timeout=_IDLE_MAX)
    except Empty:
        try:
            _idle.remove(inbox)
        except ValueError:  # at this very moment somebody took it, to put a call in
            return inbox.get()
        return None


def _fit_for_a_future(error: BaseException) -> Exception:
    """A future takes no `StopIteration`, and what is no `Exception`, such as `SystemExit`, would end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
