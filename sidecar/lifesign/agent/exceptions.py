"""An exception as a record: with its causes and, of a group, its parts; without the value of a variable."""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING, Callable

from lifesign.redact import redacted
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Failure

MESSAGE_CHARACTERS = 1000
_STACK_CHARACTERS = 8000
_EXCEPTIONS_MAX = 10  # of one failure that are shown
_PARTS_MAX = 5  # of one group
_FRAMES_MAX = 30  # of one exception: its innermost
_NOTES_MAX = 3
_SHORT = 300  # characters of a message or note inside a stack


def failure(error: BaseException) -> Failure:
    """An exception as a record: type, message and where, without a value of a variable or what looks like a secret.

    `stack` begins with the exception's own frames. What it came from follows, and the parts of a group, each under a
    line that says what it is, so that the end of a stack that is cut has the origin.
    """
    return {"type": _type(error), "message": _message(error, MESSAGE_CHARACTERS), "stack": _stack(error)}


def in_short(error: BaseException) -> tuple[str, str]:
    """The type of an exception and its message, as they are said in one line."""
    return _type(error), _message(error, _SHORT)


def _stack(error: BaseException) -> str:
    whole = _written(error, _all_frames)
    if len(whole) > _STACK_CHARACTERS:  # most of it is how libraries call one another
        whole = _written(error, _own_frames)
    return redacted(whole[-_STACK_CHARACTERS:])


def _written(error: BaseException, frames: Callable[[BaseException], str]) -> str:
    parts: list[str] = []
    seen: set[int] = set()
    waiting: deque[tuple[str, BaseException]] = deque([("", error)])
    while waiting and len(parts) < _EXCEPTIONS_MAX:
        relation, one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        head = f"{relation}: {_type(one)}: {_message(one, _SHORT)}\n" if relation else ""
        # Formatted without the exception itself: its __str__ was asked once, that is enough.
        parts.append(head + frames(one) + _notes(one))
        if one.__cause__ is not None:
            waiting.append(("caused by", one.__cause__))
        elif one.__context__ is not None and not one.__suppress_context__:
            waiting.append(("raised while handling", one.__context__))
        group = _parts(one)
        waiting.extend((f"one of {len(group)}", part) for part in group[:_PARTS_MAX])
    return "".join(parts)


def _all_frames(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__, -_FRAMES_MAX))


def _own_frames(error: BaseException) -> str:
    """The frames of the user's own code, and the innermost one, which is where it was raised."""
    frames = traceback.extract_tb(error.__traceback__, -_FRAMES_MAX)
    shown = [frame for frame in frames[:-1] if not is_library(frame.filename)] + frames[-1:]
    return "".join(traceback.format_list(shown))


def _type(error: BaseException) -> str:
    kind = type(error)
    try:
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    except BaseException:  # noqa: BLE001 - a metaclass of the user's
        return "<its type cannot be read>"


def _message(error: BaseException, characters: int) -> str:
    try:
        return redacted(str(error))[:characters]
    except BaseException:  # noqa: BLE001 - the user's __str__
        return "<its message cannot be read>"


def _notes(error: BaseException) -> str:
    """What was added by ``add_note`` (3.11 and newer)."""
    try:
        notes = getattr(error, "__notes__", None)
        if type(notes) is not list:
            return ""
        return "".join(f"note: {note[:_SHORT]}\n" for note in notes[:_NOTES_MAX] if type(note) is str)
    except BaseException:  # noqa: BLE001 - a property of the user's
        return ""


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group, Python's own or the backport's."""
    try:
        parts = getattr(error, "exceptions", None)
        if type(parts) is tuple and all(isinstance(part, BaseException) for part in parts):
            return parts
    except BaseException:  # noqa: BLE001, S110 - a property of the user's
        pass
    return ()
