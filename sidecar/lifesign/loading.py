"""Loads a part of the agent when it is first used.

The first use may come when nothing can be imported: in a signal handler that interrupts this very import, or when no
file descriptor is left. Such a call does nothing, and the next one tries again. And a child may be forked while
another thread of its parent imports: Python's lock on that module would stay locked in the child forever.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the module around it may be in the middle of its own import
import _thread
import os
import sys

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every program that imports asyncio
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable

_importing: dict[int, int] = {}  # threads that import a part of the agent, and how deep they are in it
_fork_handlers: list[list[Callable[[], None]]] = []
_ANSWERS: dict[str, Any] = {"boot_trace_id": "", "is_synthetic": False, "start": False}
_COROUTINES = ("assert_postconditions", "check_postconditions")
_NONE = ("dry_run", "dump_tasks", "event", "promise", "stop")


def load(module: str, name: str) -> Any:
    """Imports a module of the package and takes `name` from it.

    Raises:
        Exception: whatever made the import fail.
    """
    thread = _thread.get_ident()
    _importing[thread] = _importing.get(thread, 0) + 1
    try:
        # Not importlib: it may be in the middle of its own import.
        return getattr(__import__(module, None, None, [name]), name)
    finally:
        depth = _importing.get(thread, 1) - 1
        if depth:
            _importing[thread] = depth
        else:
            _importing.pop(thread, None)


def import_now() -> None:
    """Imports what modules of ours have only named, in a program that imports lazily (PEP 810, Python 3.15).

    Else the thread that uses it first imports it. That may be the watchdog's, which must never wait for an import of
    the program's: some run their event loop in one.
    """
    if getattr(sys, "get_lazy_imports", str)() != "all":
        return
    known: set[str] = set()
    while True:
        new = [name for name in list(sys.modules) if name.startswith("lifesign.") and name not in known]
        if not new:
            return
        known.update(new)
        for module in [sys.modules.get(name) for name in new]:
            for attribute in list(vars(module)) if module is not None else ():
                getattr(module, attribute, None)


def load_or_stand_in(module: str, name: str) -> tuple[Any, bool]:
    """What `load` returns, and True; or a stand-in for a function that cannot be loaded now, and False.

    Raises:
        Exception: a class cannot be loaded; nothing could stand in for it.
    """
    try:
        return load(module, name), True
    except Exception as error:
        if name[0].isupper() or from_signal_handler(error):
            raise
        return _StandIn(module, name), False


def from_signal_handler(error: BaseException) -> bool:
    """Whether a signal handler of the program raised this while it interrupted us: then it is not our error.

    A timeout by ``signal.alarm`` works that way, and must not be swallowed.
    """
    codes = set()
    trace = error.__traceback__
    while trace is not None:
        codes.add(trace.tb_frame.f_code)
        trace = trace.tb_next
    return any(_code(_signal.getsignal(number)) in codes for number in range(1, _signal.NSIG))


def _code(handler: Any) -> CodeType | None:
    while hasattr(handler, "func"):  # a functools.partial
        handler = handler.func
    handler = getattr(handler, "__func__", handler)
    if not hasattr(handler, "__code__"):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004
    return getattr(handler, "__code__", None)


class _StandIn:
    """A function of the API that could not be loaded when it was asked for."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self._name in _COROUTINES:
            return self._later(args, options)
        try:
            function = load(self._module, self._name)
        except Exception as error:
            if from_signal_handler(error):
                raise
            if self._name == "synthetic_headers":
                return {}
            return None if self._name in _NONE else _ANSWERS.get(self._name, _Nothing())
        return function(*args, **options)

    async def _later(self, args: Any, options: Any) -> Any:
        return await load(self._module, self._name)(*args, **options)


class _Nothing:
    """A block that does nothing, or a decorator that leaves the function as it is."""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: object) -> None:
        return None

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *raised: object) -> None:
        return None


def _after_fork_in_child() -> None:
    """Forgets what other threads of the parent were importing for us: they do not exist in this process."""
    gone = set(_importing) - {_thread.get_ident()}
    if not gone:
        return
    try:
        locks = sys.modules["_frozen_importlib"]._module_locks
        for name, reference in list(locks.items()):
            lock = reference()
            if lock is not None and lock.owner in gone:
                locks.pop(name, None)
                sys.modules.pop(name, None)  # half of it was executed; the next use imports it again
    except Exception:  # noqa: BLE001, S110 - another Python's importlib: no worse than without us
        pass
    for thread in gone:
        del _importing[thread]


def at_fork(**handlers: Callable[[], None]) -> None:
    """As `os.register_at_fork`, whose handlers stay for ever; these do nothing any more after `forget_forks`."""
    for when, handler in handlers.items():
        handlers_left = [handler]
        _fork_handlers.append(handlers_left)
        # With globals of its own: the function that stays holds nothing of ours.
        function: Any = type(_call_all)
        os.register_at_fork(**{when: function(_call_all.__code__, {}, "at_fork", (handlers_left,))})


def forget_forks() -> None:
    """These handlers do nothing any more: the agent is taken out of the process."""
    for handlers in _fork_handlers:
        handlers.clear()


def _call_all(handlers: list[Callable[[], None]]) -> None:
    for handler in handlers:
        handler()


if hasattr(os, "register_at_fork"):
    at_fork(after_in_child=_after_fork_in_child)
