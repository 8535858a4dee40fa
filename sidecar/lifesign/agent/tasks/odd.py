"""Reads objects of the user that may behave oddly, without harm to anything else.

A task may have a class with its own methods, an awaitable may be a proxy whose every attribute raises, a name may be a
subclass of `str`. What asyncio's own classes know is read through these classes, past any method of the user; the
rest is read with every exception caught: this runs in our own threads, which get no signal.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any, Callable

TEXT_CHARACTERS = 200
_NUMBERS_OF_PARENTS = sys.platform == "linux" and sys.version_info < (3, 14)

_type_name: Callable[[type], str] = type.__dict__["__name__"].__get__  # past a metaclass with one of its own
_is_done: Callable[[Any], bool] = asyncio.Task.done
_coroutine: Callable[[Any], Any] = asyncio.Task.get_coro


def read(value: Any, *attributes: str) -> Any:
    """The first of these attributes that there is; None where none can be had."""
    for attribute in attributes:
        try:
            found = getattr(value, attribute, None)
        except BaseException:  # noqa: BLE001, S112
            continue
        if found is not None:
            return found
    return None


def text(value: Any) -> str:
    """As a string that is not too long; empty where it has none."""
    try:
        return (value if type(value) is str else "".join((str(value),)))[:TEXT_CHARACTERS]
    except BaseException:  # noqa: BLE001
        return ""


def type_name(value: Any) -> str:
    """The name of its type."""
    return _type_name(type(value))[:TEXT_CHARACTERS]


def native_id(thread: Any) -> int | None:
    """The kernel's number of a thread of `threading`; None where that cannot be had."""
    number = read(thread, "native_id", "_native_id")
    if type(number) is not int:
        return None
    if _NUMBERS_OF_PARENTS and thread is read(threading, "_main_thread"):
        # In a forked process it may still be that of the parent's thread.
        return number if os.path.exists(f"/proc/self/task/{number}") else os.getpid()
    return number


def is_task(value: Any) -> bool:
    """Not `isinstance`, which asks a proxy what it is."""
    return issubclass(type(value), asyncio.Task)


def is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    """Whether its type is one of these, without a comparison that a metaclass of the user's could make."""
    cls = type(value)
    for one in types:  # noqa: SIM110 - a generator takes twice as long
        if cls is one:
            return True
    return False


def is_done(task: Any) -> bool:
    """Whether the task has ended; no for one that cannot be asked."""
    try:
        return _is_done(task)
    except BaseException:  # noqa: BLE001 - it is none of asyncio's
        return call(task, "done") is True


def waiter(task: Any) -> Any:
    """The future that the task is suspended at, if it is."""
    try:
        return task._fut_waiter
    except BaseException:  # noqa: BLE001
        return None


def coroutine(task: Any) -> Any:
    """What the task runs; None where that cannot be had."""
    try:
        return _coroutine(task)
    except BaseException:  # noqa: BLE001 - it is none of asyncio's
        return call(task, "get_coro")


def name(task: Any) -> str:
    """The task's name; that of its type where it has none that can be read."""
    given = call(task, "get_name")
    if given is None and is_task(task):
        given = asyncio.Task.get_name(task)
    return ("" if given is None else text(given)) or type_name(task)


def call(value: Any, method: str) -> Any:
    """What a method without arguments returns; None where it fails."""
    try:
        return getattr(value, method)()
    except BaseException:  # noqa: BLE001
        return None
