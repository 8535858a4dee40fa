"""Brings the agent into a Python program that knows nothing of it.

It costs a millisecond in a program that imports asyncio: the agent is imported when a loop starts, and only where
``LIFESIGN_DIR`` asks for it.
"""

from __future__ import annotations

import os
import sys

# Not from `importlib.util`, which imports for some milliseconds: these are there before any module is.
from _frozen_importlib_external import PathFinder, SourceFileLoader, spec_from_file_location

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every Python start
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(os.path.dirname(_HERE))


class _Finder:
    """Finds this very lifesign, whatever is installed, and observes asyncio as it is imported."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name == "lifesign":
            # No folder of ours is put on sys.path: the sidecar's dependencies are not the program's.
            return _spec(name, os.path.join(_PACKAGE, "__init__.py"), [_PACKAGE])
        if path and name.startswith("lifesign."):
            # There are a hundred: to know where they are is cheaper than to look, and asks no finder of the program's.
            place = os.path.join(path[0], name.rpartition(".")[2])
            return _spec(name, place + ".py") or _spec(name, os.path.join(place, "__init__.py"), [place])
        if name == "asyncio.events":
            spec = PathFinder.find_spec(name, path)
            if spec is not None and spec.loader is not None:
                execute = spec.loader.exec_module

                def exec_module(module: Any) -> None:
                    execute(module)
                    _observe(module)

                spec.loader.exec_module = exec_module  # type: ignore[method-assign]
            return spec
        return None


def _spec(name: str, file: str, folders: list[str] | None = None) -> Any:
    """A module of ours, or a package that has these folders; None where there is no such file."""
    if not os.path.isfile(file):
        return None
    return spec_from_file_location(name, file, loader=SourceFileLoader(name, file), submodule_search_locations=folders)


def _observe(events: Any) -> None:
    try:
        from lifesign.agent import hook

        if hook.in_main_interpreter():
            hook.observe(events, _changed)
    except Exception:  # noqa: BLE001, S110 - a program that we cannot watch still runs
        pass


def _changed(loop: Any) -> None:
    """A loop starts, or, with None, has ended: hands it to the agent, which is imported for the first one."""
    global _loop_changed
    if _loop_changed is None:
        if loop is None:
            return
        from lifesign.loading import from_signal_handler, load

        try:
            _loop_changed = load("lifesign.agent.lifecycle", "loop_changed")
        except Exception as error:
            if from_signal_handler(error):
                raise
            return  # no descriptor left, say: the next loop tries again
    _loop_changed(loop)


_loop_changed: Any = None


def bring_in() -> None:
    """From now on lifesign can be imported, and asyncio is observed; once, however many ways lead here."""
    if _Finder in sys.meta_path:
        return
    sys.meta_path.insert(0, _Finder)
    if "asyncio.events" in sys.modules:
        _observe(sys.modules["asyncio.events"])


def leave() -> None:
    """This process is one of ours, which nobody watches: called before there is an asyncio in it."""
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
