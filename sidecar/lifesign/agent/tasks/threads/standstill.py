"""What a thread waits for: a lock, a queue, the result of a future or the end of another thread, from its frames."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Iterator

from lifesign.agent.native import LockType, RLock
from lifesign.agent.tasks.odd import read, text
from lifesign.agent.tasks.threads import calls
from lifesign.agent.tasks.threads.jobs import EXECUTOR

_STEPS_MAX = 8  # frames of the standard library that one wait is made of
_MODULES = frozenset(("threading", "queue", "concurrent.futures._base", "logging"))
_IMPORTS = "importlib._bootstrap"
_BEGINNINGS = frozenset(("run", "_bootstrap", "_bootstrap_inner"))  # of a thread
HANDED_ON = "_call_check_cancel"  # a callback of a future that stands for one of an event loop
IMPORT_LOCK = "import lock"
LOCK, _RLOCK = LockType, RLock  # not those that gevent or eventlet have put in their place
_LOCKS = {LOCK: "threading.Lock", _RLOCK: "threading.RLock"}
_WAITS = frozenset(("wait", "join", "_wait_for_tstate_lock"))
_MADE_OF_LOCKS = {
    "Condition": "threading.Condition",
    "Event": "threading.Event",
    "Semaphore": "threading.Semaphore",
    "Barrier": "threading.Barrier",
    "Thread": "thread",
    "Queue": "queue.Queue",
    "Future": "future",
}


class Standstill:
    """What a thread waits for: `label` is its kind, `name` what the code calls it, `how` the method it is in.

    `clock` says that something may end the wait by itself.
    """

    def __init__(self, thing: Any, label: str, name: str, how: str, clock: bool) -> None:
        self.thing = thing
        self.label = label
        self.name = name
        self.how = how
        self.clock = clock

    @property
    def state(self) -> str:
        """In a few words, where it has more than one."""
        if self.label == "queue.Queue":
            size, most = len(read(self.thing, "queue") or ()), read(self.thing, "maxsize")
            return "empty" if not size else f"full, {size} of {most}" if most == size else f"{size} in it"
        if self.label == "future":
            state = text(read(self.thing, "_state"))  # that of a coroutine is pending to its end
            pending = "running" if is_run_by_loop(self.thing) else "not begun"
            return {"PENDING": pending, "RUNNING": "running"}.get(state, "")
        return ""


def is_run_by_loop(future: Any) -> bool:
    """Whether it stands for a coroutine of an event loop that has begun."""
    return any(read(one, "__name__") == HANDED_ON for one in list(read(future, "_done_callbacks") or ()))


def standstill(frame: FrameType) -> Standstill | None:
    """What the thread with this innermost frame waits for; None where it does not, or where that cannot be seen."""
    imports = _in_import(frame)
    if imports is not None:
        return imports
    found = _in_lock(frame)
    outer: FrameType | None = frame
    waits = False
    for here in _library(frame):
        thing = calls.variable(here, "self")
        label = _label(thing)
        waits = waits or (label is not None and here.f_code.co_name in _WAITS)
        if waits and label is not None:  # of the locks that it is made of nobody knows
            clock = calls.variable(here, "timeout") is not None
            found = Standstill(thing, label, "", here.f_code.co_name, clock)
        outer = here.f_back
    if found is not None:
        found.name = _name(found, outer) or found.name
    return found


def _in_import(frame: FrameType) -> Standstill | None:
    """The lock of a module that another thread imports; it is made of others, of which nobody knows."""
    if frame.f_code.co_name != "acquire" or frame.f_globals.get("__name__") != _IMPORTS:
        return None
    lock = calls.variable(frame, "self")
    if type(lock).__name__ != "_ModuleLock" or type(read(lock, "owner")) is not int:
        return None
    return Standstill(lock, IMPORT_LOCK, text(read(lock, "name") or ""), "acquire", clock=False)


def _in_lock(frame: FrameType) -> Standstill | None:
    """The lock or queue of the interpreter's own that the innermost frame is waiting in."""
    if frame.f_globals.get("__name__") == EXECUTOR:  # it waits for its next job
        return None
    call = calls.call(frame)
    if call is None or call.method not in ("acquire", "__enter__", "get"):
        return None
    thing = calls.resolve(frame, call.names)
    label = _label_of_c(thing, call.method)
    if label is None or not _is_taken(thing):
        return None
    return Standstill(thing, label, calls.named(frame, call.names), call.method, clock=not call.bare)


def _label_of_c(thing: Any, method: str) -> str | None:
    if method != "get":
        return _LOCKS.get(type(thing))
    # Where nobody has loaded the module there is none.
    return "queue.SimpleQueue" if type(thing) is getattr(sys.modules.get("_queue"), "SimpleQueue", None) else None


def _is_taken(thing: Any) -> bool:
    if type(thing) is LOCK:
        return bool(thing.locked())
    return owner(thing) is not None if type(thing) is _RLOCK else bool(thing.empty())


def owner(lock: Any) -> int | None:
    """The thread that holds an RLock: its repr names it, and nothing else does."""
    number = repr(lock).partition(" owner=")[2].partition(" ")[0] if type(lock) is _RLOCK else ""
    return int(number) or None if number.isdigit() else None


def _label(thing: Any) -> str | None:
    for base in type.mro(type(thing)):
        if base.__module__ in _MODULES and base.__name__ in _MADE_OF_LOCKS:
            return _MADE_OF_LOCKS[base.__name__]
    return None


def _library(frame: FrameType) -> Iterator[FrameType]:
    """The innermost frames, as long as they are in the modules that waits are made of."""
    here: FrameType | None = frame
    for _ in range(_STEPS_MAX):
        if here is None or here.f_globals.get("__name__") not in _MODULES or here.f_code.co_name in _BEGINNINGS:
            return
        yield here
        here = here.f_back


def _name(found: Standstill, caller: FrameType | None) -> str:
    """What the code calls it that called its method; a thread has a name of its own."""
    if found.label == "thread":
        return text(read(found.thing, "_name") or "")
    call = None if caller is None else calls.call(caller)
    if caller is None or call is None or calls.resolve(caller, call.names) is not found.thing:
        return ""
    return calls.named(caller, call.names)
