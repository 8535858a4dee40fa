"""Which call a running frame is in, and which ``with`` blocks it is inside, from its bytecode.

What a thread waits for lies on the stack of its interpreter, where nothing can be read: so the names by which the code
got at it are looked up once more, in the variables of the frame and in the attributes of what they refer to. No
property and no method of the user's is called.
"""

from __future__ import annotations

import dis
import sys
import threading
from types import CodeType, FrameType, MemberDescriptorType, ModuleType
from typing import Any, Callable, TypeVar

from lifesign.agent.tasks.odd import type_name

_CODE_BYTES_MAX = 20_000  # of a function that is read
_OPTIMIZED = 1  # a flag of code whose variables are no dict
_SNAPSHOTS = sys.version_info < (3, 13)
# On these versions the variables of a frame are copied into one dict, which `locals()` hands out too.
_SEE_VARIABLES = frozenset(("locals", "vars", "eval", "exec", "dir"))
_REFERENCES = 3  # to a dict of variables that nobody has but its frame, and we
_IN_BETWEEN = frozenset(("CACHE", "PRECALL", "PUSH_NULL", "NOP", "EXTENDED_ARG", "COPY", "SWAP", "LOAD_SPECIAL"))
_BRANCHES = ("JUMP", "POP_JUMP", "FOR_ITER", "RETURN", "RAISE")
_OLD_WITH = ("SETUP_WITH", "BEFORE_WITH")
_WITH = frozenset(dis.opmap[name] for name in (*_OLD_WITH, "LOAD_SPECIAL") if name in dis.opmap)
_PROFILE_TOOL = 1 << 6  # the interpreter's own number for profile functions, from 3.12 on
_missing = object()
profiled = False  # whether an event loop was seen in a thread with a profile function; only needed up to 3.11


class Call:
    """A call that a frame is in: ``self.ledger.acquire()`` is ``("self", "ledger")`` and ``acquire``.

    `method` is ``__enter__`` for a ``with`` block that is being entered; `bare` says that there are no arguments.
    """

    def __init__(self, names: tuple[str, ...], method: str, bare: bool) -> None:
        self.names = names
        self.method = method
        self.bare = bare


_REMEMBERED_MAX = 500  # places in code
_calls: dict[Any, tuple[CodeType, Call | None]] = {}
_insides: dict[Any, tuple[CodeType, list[tuple[str, ...]]]] = {}
T = TypeVar("T")


def call(frame: FrameType) -> Call | None:
    """The call that the frame is in, where its code names what it calls."""
    code, at = frame.f_code, frame.f_lasti  # read once: a thread that runs goes on
    return _remembered(_calls, code, at, _call) if _may_call(code, at) else None


def _remembered(known: dict[Any, tuple[CodeType, T]], code: CodeType, at: int, read: Callable[[CodeType, int], T]) -> T:
    """What `read` returns of a place in code: threads that wait stay at one for long, and many are at the same."""
    key = (id(code), at)
    found = known.get(key)
    if found is None:
        if len(known) >= _REMEMBERED_MAX:
            known.clear()
        found = known[key] = (code, read(code, at))  # the code keeps its id from being used again
    return found[1]


def _call(code: CodeType, at: int) -> Call | None:
    chains: list[tuple[str, ...]] = []
    bare = False
    *earlier, here = until_now(code, at)
    for instruction in earlier:
        bare = _extend(chains, instruction, bare)
    if (here.opname in _OLD_WITH or (here.opname == "CALL" and _enters(earlier[-1]))) and chains:
        return Call(chains[-1], "__enter__", bare=True)
    several = [chain for chain in chains if len(chain) > 1]
    if "CALL" not in here.opname or not several:
        return None
    return Call(several[-1][:-1], several[-1][-1], bare and several[-1] == chains[-1])


def _may_call(code: CodeType, at: int) -> bool:
    """Whether this is the place of a call or a block at all: most are not, and to read code takes longer."""
    bytecode = code.co_code
    name = dis.opname[bytecode[at]] if 0 <= at < len(bytecode) else ""
    return ("CALL" in name or name in (*_OLD_WITH, "CACHE")) and len(bytecode) <= _CODE_BYTES_MAX


def _extend(chains: list[tuple[str, ...]], instruction: dis.Instruction, bare: bool) -> bool:
    """Adds what one instruction loads; returns whether nothing was loaded since the newest chain."""
    name, value = instruction.opname, instruction.argval
    if name.startswith(("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")) or name == "STORE_FAST_LOAD_FAST":
        chains.append((value[-1] if isinstance(value, tuple) else str(value),))
        return True
    if name in ("LOAD_ATTR", "LOAD_METHOD") and chains:
        chains[-1] = (*chains[-1], str(value))
        return True
    if name.startswith("STORE_") or name in ("POP_TOP", "RESUME"):
        chains.clear()
    return bare and name in _IN_BETWEEN


def _enters(before: dis.Instruction | None) -> bool:
    """From 3.14 on ``with`` calls the method that the instruction before has loaded."""
    return before is not None and before.opname == "LOAD_SPECIAL" and before.argrepr == "__enter__"


def inside(frame: FrameType) -> list[tuple[str, ...]]:
    """The names of what the frame has entered by ``with`` or got by ``acquire``, and has not let go, as its code reads.

    What is only being entered is not among them, nor what a frame waits for that may have acquired it before: it may
    have tried in vain, or have gone by another branch.
    """
    return _remembered(_insides, frame.f_code, frame.f_lasti, _inside)


def _inside(code: CodeType, at: int) -> list[tuple[str, ...]]:
    handlers = _handlers(code, at)
    chains: list[tuple[str, ...]] = []
    found: list[tuple[str, ...]] = []
    acquired: set[tuple[str, ...]] = set()
    doubtful: set[tuple[str, ...]] = set()
    before: dis.Instruction | None = None
    entered: tuple[str, ...] | None = None
    bare = False
    for instruction in until_now(code, at)[:-1]:
        name = instruction.opname
        if entered is not None:
            found += [entered] if not {*_handlers(code, instruction.offset)[:1]}.isdisjoint(handlers) else []
            entered = None
        if name == "SETUP_WITH":  # 3.10 and older: it says where the block ends
            found += chains[-1:] if at < instruction.argval else []
        elif name == "BEFORE_WITH" or _enters(before):
            entered = chains[-1] if chains else None
        elif "CALL" in name and name != "PRECALL":
            newest = _acquire(found, chains)
            acquired.update(newest)
            doubtful.update(newest if not bare else ())  # with a timeout, or without waiting
        elif name.startswith(_BRANCHES):
            doubtful |= acquired
        bare = _extend(chains, instruction, bare)
        before = instruction
    now = _remembered(_calls, code, at, _call) if _may_call(code, at) else None
    waits_for = now.names if now is not None and now.method in ("acquire", "__enter__") else None
    return [names for names in found if names != waits_for or names not in doubtful]


def until_now(code: CodeType, at: int) -> list[dis.Instruction]:
    """The instructions of code up to the one at that place, which may be at any of the caches behind it."""
    if len(code.co_code) > _CODE_BYTES_MAX:
        return []
    found: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if instruction.offset > at:
            break
        found.append(instruction)
    return found


def _acquire(found: list[tuple[str, ...]], chains: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Notes the newest call, where it is one of a lock's methods; returns what it acquires."""
    *_, chain = chains or [("",)]
    if chain[-1] == "acquire":
        found.append(chain[:-1])
        return found[-1:]
    if chain[-1] == "release" and chain[:-1] in found:
        found.remove(chain[:-1])
    return []


def has_with(code: CodeType) -> bool:
    """Whether there is a ``with`` block in it."""
    return not _WITH.isdisjoint(code.co_code[::2])


def _handlers(code: CodeType, offset: int) -> list[int]:
    """Where an exception at this place goes, and one in its handler, and so on: 3.11 and newer, innermost first."""
    parse = getattr(dis, "_parse_exception_table", None)
    table = parse(code) if parse is not None else ()
    found: list[int] = []
    while True:
        target = next((entry.target for entry in table if entry.start <= offset < entry.end), None)
        if target is None or target in found:
            return found
        found.append(target)
        offset = target


def resolve(frame: FrameType, names: tuple[str, ...]) -> Any:
    """What these names stand for in a frame now; None where that cannot be seen."""
    found = variable(frame, names[0])
    for attribute in names[1:]:
        if found is None:
            return None
        found = _attribute(found, attribute)
    return found


def variable(frame: FrameType, name: str) -> Any:
    """A variable of a frame that runs in another thread, local or global; None where it cannot be had."""
    code = frame.f_code
    if code.co_flags & _OPTIMIZED and name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
        return _local(frame, name)
    found = frame.f_globals.get(name)
    return found if found is not None or code.co_flags & _OPTIMIZED else frame.f_locals.get(name)


def _local(frame: FrameType, name: str) -> Any:
    if not _SNAPSHOTS:
        return frame.f_locals.get(name)
    if frame.f_trace is not None or _is_profiled() or not _SEE_VARIABLES.isdisjoint(frame.f_code.co_names):
        return None  # somebody else uses the same copy
    copy = frame.f_locals
    found = copy.get(name)
    if sys.getrefcount(copy) <= _REFERENCES:
        copy.clear()  # the frame keeps it for as long as it runs, and would keep alive what the function has let go
    return found


def _is_profiled() -> bool:
    """Whether a profile function may run: when it has, the interpreter takes the variables of the frame from that copy.

    One that we have emptied meanwhile would leave the program without any.
    """
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is not None:
        return any(tools & _PROFILE_TOOL for tools in monitoring._all_events().values())
    return profiled or threading._profile_hook is not None


def _attribute(thing: Any, name: str) -> Any:
    """An attribute as it is stored, past properties and whatever else the class makes of it."""
    try:
        if type(thing) is ModuleType:
            return vars(thing).get(name)
        own = object.__getattribute__(thing, "__dict__")
        if type(own) is dict and name in own:
            return own[name]
    except BaseException:  # noqa: BLE001, S110 - slots, and proxies
        pass
    for base in type.mro(thing if isinstance(thing, type) else type(thing)):
        found = vars(base).get(name, _missing)
        if type(found) is MemberDescriptorType:
            try:
                return found.__get__(thing)
            except BaseException:  # noqa: BLE001 - it is not set
                return None
        if found is not _missing:
            return found
    return None


def named(frame: FrameType, names: tuple[str, ...]) -> str:
    """The same names as one says them: ``Desk.ledger`` for ``self.ledger``, and for a variable of that lock too."""
    first, *others = names
    if first in ("self", "cls") and others:
        return ".".join((_type_of(variable(frame, first)), *others))
    if not others and first not in frame.f_globals:
        return _kept_as(frame, resolve(frame, names)) or first
    return ".".join(names)


def _kept_as(frame: FrameType, thing: Any) -> str:
    """The attribute of ``self``, or the global, that is the same thing as a variable of a function."""
    owner = variable(frame, "self")
    try:
        own = object.__getattribute__(owner, "__dict__")
    except BaseException:  # noqa: BLE001 - slots, and proxies
        own = {}
    for attribute, value in list(own.items()) if type(own) is dict else ():
        if value is thing:
            return f"{_type_of(owner)}.{attribute}"
    return next((name for name, value in list(frame.f_globals.items()) if value is thing), "")


def _type_of(owner: Any) -> str:
    return owner.__name__ if type(owner) is type else type_name(owner)
