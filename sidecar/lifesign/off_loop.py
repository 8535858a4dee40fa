"""Blocking calls beside the event loop, in threads that cannot keep the sidecar from ending."""

from __future__ import annotations

import asyncio
import threading
from typing import Callable, TypeVar

T = TypeVar("T")


async def off_loop(function: Callable[[], T]) -> T:
    """The result of `function`, called in a daemon thread of its own.

    The event loop's own executor waits for its threads when the process ends: one hanging call would
    hold the exit up. Cancelled, this returns at once and the thread is left behind.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is a result where there is no error

    def call() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = function()
        except Exception as caught:  # noqa: BLE001 - it is raised again where the result is awaited
            error = caught
        try:
            loop.call_soon_threadsafe(finish, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=call, name="lifesign-export", daemon=True).start()
    return await future
