"""The C function that a frame has called and is in, such as ``time.sleep``: Python's stack ends before it.

Only where the code leaves no doubt: every argument is a name, an attribute or a constant, and what is called is,
looked up without the user's code, a function of C.
"""

from __future__ import annotations

import dis
from types import BuiltinFunctionType, CodeType, FrameType, MethodDescriptorType
from typing import Any

from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.threads.jobs import function_name

_NAMES = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")
_CONSTANTS = frozenset(("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_NOTHING = frozenset(("CACHE", "PRECALL", "PUSH_NULL", "NOP", "EXTENDED_ARG", "KW_NAMES"))
_CALLS = frozenset(("CALL", "PRECALL", "CALL_FUNCTION", "CALL_METHOD"))
_WITH_KEYWORDS = frozenset(("CALL_KW", "CALL_FUNCTION_KW"))  # whose names are one more value
_IN_C = (BuiltinFunctionType, MethodDescriptorType)


def function_in_c(frame: FrameType) -> str:
    """What the innermost frame of a thread has called in C; empty where that is not certain."""
    names = _called(frame.f_code, frame.f_lasti)
    if not names:
        return ""
    thing = calls.resolve(frame, names)
    if thing is None and len(names) == 1 and type(frame.f_builtins) is dict:
        thing = frame.f_builtins.get(names[0])
    return function_name(thing) if type(thing) in _IN_C else ""


def _called(code: CodeType, at: int) -> tuple[str, ...]:
    """The names by which the code at this place calls something: ``("time", "sleep")``."""
    before = calls.until_now(code, at)
    here = before.pop() if before else None
    if here is None or here.opname not in _CALLS | _WITH_KEYWORDS or here.is_jump_target:
        return ()  # what came by another way is not known
    wanted = (here.arg or 0) + (here.opname in _WITH_KEYWORDS)
    attributes: list[str] = []  # of the value whose name comes before them, last one first
    for instruction in reversed(before):
        loaded = _loaded(instruction)
        if loaded is None:
            return ()
        if instruction.opname in _ATTRIBUTES:
            attributes.append(str(instruction.argval))
        elif loaded:
            if wanted < len(loaded):  # the first of what was loaded at once may belong to something else
                return (loaded[len(loaded) - 1 - wanted], *reversed(attributes if not wanted else ()))
            wanted -= len(loaded)
            attributes = []
        if instruction.is_jump_target:
            return ()
    return ()


def _loaded(instruction: dis.Instruction) -> tuple[Any, ...] | None:
    """The names, or constants, that an instruction loads; None where it does something else."""
    name, value = instruction.opname, instruction.argval
    if name.startswith(_NAMES) and name != "LOAD_FAST_AND_CLEAR":
        return value if isinstance(value, tuple) else (str(value),)
    if name in _CONSTANTS:
        return ("",)
    return () if name in _ATTRIBUTES or name in _NOTHING else None
