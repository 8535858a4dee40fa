"""Which methods a function calls, and on what, by the names in its bytecode."""

from __future__ import annotations

import dis
from types import CodeType
from typing import AbstractSet

_CODE_BYTES_MAX = 20_000  # of a function that is read
_METHODS_MAX = 20
_VARIABLES = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "STORE_FAST_LOAD_FAST")


def methods(code: CodeType, wanted: AbstractSet[str]) -> list[tuple[str, ...]]:
    """``self.orders.get()`` is ``("self", "orders", "get")``; only those methods, and none of what a call returns."""
    found: list[tuple[str, ...]] = []
    chain: tuple[str, ...] = ()
    for one in dis.get_instructions(code) if len(code.co_code) <= _CODE_BYTES_MAX else ():
        if one.opname.startswith(_VARIABLES):
            names = one.argval if isinstance(one.argval, tuple) else (one.argval,)  # two at once, from 3.13 on
            chain = (str(names[-1]),)
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain = (*chain, str(one.argval))
            if chain[-1] in wanted and len(chain) > 1 and len(found) < _METHODS_MAX:
                found.append(chain)
        elif one.opname not in ("CACHE", "EXTENDED_ARG"):
            chain = ()
    return list(dict.fromkeys(found))
