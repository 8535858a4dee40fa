"""One sample: the stack of an event loop's thread, and whose place in it is the culprit's."""

from __future__ import annotations

from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from lifesign.agent.slots import Beating
from lifesign.agent.stalls.callback import callback, current, running
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.appspan import app_span
from lifesign.agent.tasks.walk import both_ends, culprit_place, own_place, place, place_key

if TYPE_CHECKING:
    from lifesign.wire.frames import Frame

_FRAMES_MAX = 1000  # that are walked


class SeenStack(NamedTuple):
    """A stack as it is written, from the callback on.

    `place` is whose it is, see `walk.culprit_place`; None in a loop that has nothing to do.
    `turning` says that the loop was between two callbacks, and `outermost` names the callback.
    """

    stack: list[Frame]
    place: Frame | None
    turning: bool
    outermost: str
    task: str
    coroutine: str
    span: tuple[str, str] | None

    @property
    def place_key(self) -> int | None:
        """See `walk.place_key`."""
        return place_key(self.place)


NOTHING = SeenStack([], None, False, "", "", "", None)


class Walk:
    """The frames of a thread at one moment, innermost first, as code and line."""

    def __init__(self, codes: list[CodeType], lines: list[int | None]) -> None:
        self.codes = codes
        self.lines = lines

    def key(self) -> tuple[Any, ...]:
        """What tells it from other stacks for as long as their code is kept."""
        return (*map(id, self.codes), *self.lines)


def walk(frame: FrameType | None) -> Walk:
    """Walks a thread's stack, and keeps no frame."""
    found = Walk([], [])
    while frame is not None and len(found.codes) < _FRAMES_MAX:
        found.codes.append(frame.f_code)
        found.lines.append(frame.f_lineno)
        frame = frame.f_back
    return found


def of_loop(found: Walk, frame: FrameType, beating: Beating, known: dict[Any, tuple[Walk, SeenStack]]) -> SeenStack:
    """What the thread of an event loop does.

    Args:
        found: its frames.
        frame: the innermost of them.
        known: what was seen before in the same stall, by the frames.
    """
    inner = _called(found, beating.outer)
    if not inner:
        stack = callback(beating.loop, frame)
        return _sampled(stack, beating.loop, culprit_place(stack) or _at_work(found), turning=True)
    key = found.key()
    if key not in known:
        stack = [place(found.codes[index], found.lines[index]) for index in reversed(range(inner))]
        if own_place(stack) is None:  # a task's own code may have just gone back to asyncio's, which is in C
            stack = [*running(beating.loop), *stack]
        known[key] = found, _sampled(stack, beating.loop, culprit_place(stack))  # the code keeps its id
    return known[key][1]


def _sampled(stack: list[Frame], loop: Any, own: Frame | None, *, turning: bool = False) -> SeenStack:
    task = current(loop)
    named = "" if task is None else odd.name(task)
    coroutine = "" if task is None else odd.text(odd.read(odd.coroutine(task), "__qualname__"))
    span = None if task is None else app_span(task)
    outermost = stack[0]["function"] if stack else ""
    return SeenStack(both_ends(stack or [own] if own else []), own, turning, outermost, named, coroutine, span)


def _at_work(found: Walk) -> Frame | None:
    """Where the loop's own code is, unless it waits for something to do."""
    inside = found.codes[0].co_name not in ("select", "_run_once") and any(
        code.co_name == "_run_once" for code in found.codes
    )
    return place(found.codes[0], found.lines[0]) if inside else None


def of_thread(found: Walk) -> SeenStack:
    """What a thread does that runs no event loop."""
    stack = [place(code, line) for code, line in zip(reversed(found.codes), reversed(found.lines))]
    return SeenStack(both_ends(stack), culprit_place(stack), False, "", "", "", None)


def _called(found: Walk, outer: int) -> int:
    """How many of the innermost frames the loop has called."""
    for index, code in enumerate(found.codes):
        if code.co_name == "_run_once":
            return index - 1 if index and found.codes[index - 1].co_name == "_run" else 0
    return max(0, len(found.codes) - outer) if len(found.codes) < _FRAMES_MAX else len(found.codes)
