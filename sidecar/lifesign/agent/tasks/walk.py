"""The await stack of a task, from its own coroutine inwards, without a frame touched that need not be.

A frame that is touched costs memory for good on 3.11 and newer, so the walk goes by code objects and hands
out a way to each frame instead.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import defaultdict
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any, DefaultDict, Iterator

from lifesign.agent.tasks import odd
from lifesign.agent.tasks.odd import TEXT_CHARACTERS
from lifesign.wire.frames import importing, is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame


DEPTH_MAX = 100  # of a stack that is walked
FRAMES_MAX = 40  # of a stack that is written: its outer and inner ends
_OPAQUE_MAX = 1000
_TRACEBACK_MAX = 1000

# A coroutine, a generator and an async generator name their code, their frame and what they wait
# for differently.
_KINDS = (
    ("cr_code", "cr_frame", "cr_await"),
    ("gi_code", "gi_frame", "gi_yieldfrom"),
    ("ag_code", "ag_frame", "ag_await"),
)
DRIVEN = frozenset((CoroutineType, GeneratorType, AsyncGeneratorType))
_coroutine = asyncio.Task.get_coro
# What ``async for`` awaits; no module has it, and to make one tells the loop's hooks of a generator.
_STEP = "async_generator_asend"
_HEAP = 1 << 9  # a flag of types that were not made in C
_step: type | None = None
_future_iter: type | None = None  # what nearly every await stack ends with


class Link:
    """One coroutine, generator or async generator of an await stack."""

    __slots__ = ("awaitable", "code", "frame_attribute")

    def __init__(self, awaitable: Any, code: CodeType, frame_attribute: str) -> None:
        self.awaitable = awaitable
        self.code = code
        self.frame_attribute = frame_attribute

    @property
    def frame(self) -> FrameType | None:
        """Its frame, which exists from now on where it did not."""
        found: FrameType | None = odd.read(self.awaitable, self.frame_attribute)
        return found if type(found) is FrameType else None

    @property
    def in_library(self) -> bool:
        """Whether its code belongs to the standard library or to an installed package, and not to the user's own."""
        return is_library(self.code.co_filename)


def chain(awaitable: Any) -> Iterator[Link]:
    """The await stack of a coroutine or generator, outermost first."""
    for _ in range(DEPTH_MAX):
        found = _parts(awaitable)
        if found is None:
            return
        link, awaitable = found
        yield link


def links(task: Any) -> list[Link]:
    """The await stack of a task, outermost first."""
    return list(chain(odd.coroutine(task)))


def _parts(awaitable: Any) -> tuple[Link, Any] | None:
    for code, frame, inner in _KINDS:
        found = odd.read(awaitable, code)
        if type(found) is CodeType:
            return Link(awaitable, found, frame), odd.read(awaitable, inner)
    # These say nothing of what they drive, as the C type of `asend` and wrappers of libraries; the collector knows
    # what they refer to. One that refers to several is something else.
    driven = [found for found in gc.get_referents(awaitable) if type(found) in DRIVEN]
    return _parts(driven[0]) if len(driven) == 1 else None


# Types that are known to have no code, by their ids, none of which is kept alive: a walk ends at them.
_opaque: dict[int, weakref.ref[type]] = {}


CodeTree = DefaultDict[int, Any]
FAMILY = 0  # the key of what is known of the stacks that end there; no object has this id


def code_tree() -> CodeTree:
    """The await stacks that were seen: what comes next in them, by the id of its code object, outermost first."""
    return defaultdict(code_tree)


def walked(task: Any, root: CodeTree) -> tuple[CodeTree, list[Any]]:
    """Where a task's await stack ends, and what has its code objects: a fast `chain`, for 100,000 tasks.

    Where it has none, it ends at the type of what the task runs.
    """
    global _step, _future_iter
    here = root
    awaitables: list[Any] = []
    try:
        awaitable: Any = _coroutine(task)
    except TypeError:
        awaitable = odd.coroutine(task)
    for _ in range(DEPTH_MAX):
        kind = type(awaitable)
        if kind is CoroutineType:
            here = here[id(awaitable.cr_code)]
            awaitables.append(awaitable)
            awaitable = awaitable.cr_await
        elif kind is _future_iter or awaitable is None:
            break
        elif kind is GeneratorType:
            here = here[id(awaitable.gi_code)]
            awaitables.append(awaitable)
            awaitable = awaitable.gi_yieldfrom
        elif kind is AsyncGeneratorType:
            here = here[id(awaitable.ag_code)]
            awaitables.append(awaitable)
            awaitable = awaitable.ag_await
        elif kind is _step:  # its generator comes first
            awaitable = gc.get_referents(awaitable)[0]
        elif (known := _opaque.get(id(kind))) is not None and known() is kind:
            break
        else:
            if odd.type_name(awaitable) == _STEP and not kind.__flags__ & _HEAP:
                _step = kind
            found = _parts(awaitable)
            if found is None:
                if odd.type_name(awaitable) == "FutureIter":
                    _future_iter = kind
                if len(_opaque) >= _OPAQUE_MAX:
                    _opaque.clear()
                _opaque[id(kind)] = weakref.ref(kind)
                break
            here = here[id(found[0].code)]
            awaitables.append(found[0].awaitable)
            awaitable = found[1]
    return here if awaitables else here[id(type(awaitable))], awaitables


def links_of(awaitables: list[Any]) -> list[Link]:
    """The links that `walked` has found."""
    return [found[0] for found in map(_parts, awaitables) if found is not None]


def await_stack(task: Any) -> list[Frame]:
    """The await stack of one task as it is written, outermost first."""
    stack: list[Frame] = []
    for link in links(task):
        frame = link.frame
        stack.append(place(link.code, frame.f_lineno if frame is not None else None))
    if not stack:  # of what it runs there is no more to be seen
        stack.append({"function": odd.type_name(odd.coroutine(task)), "file": "", "line": 0})
    return both_ends(stack)


def running_stack(task: Any, frame: FrameType | None) -> list[Frame]:
    """The await stack of a task that runs, from the stack of its thread; empty where it is not there any more."""
    outermost = next(chain(odd.coroutine(task)), None)
    stack: list[Frame] = []
    while outermost is not None and frame is not None and len(stack) < 10 * DEPTH_MAX:
        stack.append(place(frame.f_code, frame.f_lineno))
        if frame.f_code is outermost.code:
            return both_ends(stack[::-1])
        frame = frame.f_back
    return []


def thread_stack(frame: FrameType | None) -> list[Frame]:
    """The stack of a thread from one of its frames outwards, as it is written: outermost first."""
    stack: list[Frame] = []
    while frame is not None and len(stack) < 10 * DEPTH_MAX:
        stack.append(place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    stack.reverse()
    return both_ends(stack)


def place(code: CodeType, line: int | None) -> Frame:
    """A code object and a line as a frame; the first line where none is known."""
    return {
        "function": getattr(code, "co_qualname", code.co_name)[:TEXT_CHARACTERS],
        "file": code.co_filename[-TEXT_CHARACTERS:],
        "line": line or code.co_firstlineno,
    }


def both_ends(stack: list[Frame]) -> list[Frame]:
    """A stack that is short enough to be written; a line says what was left out of its middle."""
    if len(stack) <= FRAMES_MAX:
        return stack
    half = FRAMES_MAX // 2
    omitted: Frame = {"function": f"... {len(stack) - FRAMES_MAX} frames ...", "file": "", "line": 0}
    return [*stack[:half], omitted, *stack[-half:]]


def own_place(stack: list[Frame]) -> Frame | None:
    """The innermost frame of the user's own code, if there is one."""
    return next((one for one in reversed(stack) if one["file"] and not is_library(one["file"])), None)


def raised_at(error: BaseException) -> Frame | None:
    """The innermost place of the user's own code that an exception passed; the innermost of all where there is none."""
    own = innermost = None
    traceback = error.__traceback__
    for _ in range(_TRACEBACK_MAX):
        if traceback is None:
            break
        innermost = traceback
        if not is_library(traceback.tb_frame.f_code.co_filename):
            own = traceback
        traceback = traceback.tb_next
    found = own or innermost
    return None if found is None else place(found.tb_frame.f_code, found.tb_lineno)


def place_called(stack: list[Frame]) -> Frame | None:
    """What the event loop has called, in a whole stack of its thread; see `culprit_place`."""
    turns = [index for index, one in enumerate(stack) if one["function"].rpartition(".")[2] == "_run_once"]
    return culprit_place(stack[turns[-1] + 1 :] if turns else stack)


def culprit_place(stack: list[Frame]) -> Frame | None:
    """The user's own frame; where there is none who imports, or else the innermost."""
    if not stack:
        return None
    found = own_place(stack)
    if found is None:
        imports = importing(stack)
        found = stack[-1] if imports is None else imports[0]
    return found


def place_key(place: Frame | None) -> int | None:
    """What tells a place from others: its function, whatever the line."""
    return None if place is None else hash((place["file"], place["function"]))
