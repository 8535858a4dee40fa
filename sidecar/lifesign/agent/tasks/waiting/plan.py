"""Which frames of an await stack need be looked into: the same for all tasks with the same code objects.

Looking costs microseconds a frame, and there may be 100,000 tasks.
"""

from __future__ import annotations

import opcode
import sys
from types import CodeType

from lifesign.agent.tasks.waiting.kinds import PACKAGES
from lifesign.wire.frames import is_library

_WITH = frozenset(
    opcode.opmap[name]
    for name in ("SETUP_WITH", "SETUP_ASYNC_WITH", "BEFORE_WITH", "BEFORE_ASYNC_WITH", "LOAD_SPECIAL")
    if opcode.opmap.get(name, 256) < 256  # above that they are in no code that runs
)
_EACH = 2 if "LOAD_SPECIAL" in opcode.opmap else 1  # from 3.14 on one looks up how it is entered, and how it is left
# Functions of asyncio and anyio that wait for futures which they refer to.
_COLLECTIVE = frozenset(("_wait", "__aexit__", "_aexit", *(("wait_for",) if sys.version_info < (3, 12) else ())))
_ENDS_BY_ITSELF = frozenset(("wait_for", "sleep"))


class Plan:
    """What is known of an await stack by its code objects, outermost first.

    `blocks` has the indexes of those with a ``with`` or an ``async with``; a task is in `blocks_max` of these at most.
    `tail` has those of the innermost library code that may belong to a primitive, from inside out, each with its
    packages. `clock` says that one of them ends by itself. `collective` is the index of the function of asyncio or
    anyio that waits for futures of its own, if there is one. `is_for_each` says that each task is worth looking into:
    it may hold something, or wait for several others.
    """

    __slots__ = ("blocks", "blocks_max", "clock", "collective", "in_library", "is_for_each", "names", "tail")

    def __init__(self, codes: tuple[CodeType, ...]) -> None:
        self.names = tuple(code.co_name for code in codes)
        self.in_library = tuple(is_library(code.co_filename) for code in codes)
        # asyncio's own blocks hold nothing but timeouts; that `wait_for` has one is known by its name.
        found = [0 if _is_tasks(code) else _withs(code) for code in codes]
        self.blocks = tuple(index for index, count in enumerate(found) if count)
        self.blocks_max = sum(found)
        self.clock = any(library and name in _ENDS_BY_ITSELF for name, library in zip(self.names, self.in_library))
        self.collective: int | None = None
        tail: list[tuple[int, frozenset[str]]] = []
        for index in range(len(codes) - 1, -1, -1):
            if not self.in_library[index]:
                break
            file = codes[index].co_filename
            packages = frozenset(package for package in PACKAGES if f"/{package}/" in file)
            if packages:
                tail.append((index, packages))
            if not packages.isdisjoint(("asyncio", "anyio")) and self.names[index] in _COLLECTIVE:
                self.collective = index
        self.tail = tuple(tail)
        self.is_for_each = bool(self.blocks) or self.collective is not None


def _withs(code: CodeType) -> int:
    """How many blocks there are in it that a frame may be in at once, at most."""
    return sum(map(code.co_code[::2].count, _WITH)) // _EACH


def _is_tasks(code: CodeType) -> bool:
    return code.co_filename.endswith("/asyncio/tasks.py")
