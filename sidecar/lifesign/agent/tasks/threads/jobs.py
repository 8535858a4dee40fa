"""The job of an executor's thread that is no Python code: its stack ends in the executor, which says nothing of it."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, FrameType
from typing import Any

from lifesign.agent.tasks.odd import read, text, type_name
from lifesign.agent.tasks.threads import calls

EXECUTOR = "concurrent.futures.thread"
_WRAPPERS_MAX = 3
_PLAIN = ("", "builtins", "io", "_io")  # whose functions one calls by their name alone
_MODULES = {"posix": "os", "_socket": "socket", "_sqlite3": "sqlite3"}


def job_in_c(frame: FrameType) -> str:
    """What the executor has called, such as ``open`` or ``time.sleep``; empty where this frame is none of its own."""
    if frame.f_code.co_name != "run" or frame.f_globals.get("__name__") != EXECUTOR:
        return ""
    function = calls.variable(frame, "fn")  # from 3.14 on
    if function is None:
        function = read(calls.variable(frame, "self"), "fn")
    return "" if function is None else function_name(_unwrapped(function))


def _unwrapped(function: Any) -> Any:
    """`asyncio.to_thread` hands over the `run` of a context, with the function as the first argument."""
    for _ in range(_WRAPPERS_MAX):
        if type(function) is not functools.partial:
            break
        inner, arguments = function.func, function.args
        in_context = type(inner) is BuiltinFunctionType and inner.__qualname__ == "Context.run"
        function = arguments[0] if in_context and arguments else inner
    return function


def function_name(function: Any) -> str:
    """What one calls a function by: ``time.sleep``, and ``open`` for that of `io`."""
    name = read(function, "__qualname__")
    if type(name) is not str:
        return type_name(function)
    module = read(function, "__module__")
    if type(module) is not str or module in _PLAIN or "." in name or type(function) is not BuiltinFunctionType:
        return text(name)
    return text(f"{_MODULES.get(module, module)}.{name}")
