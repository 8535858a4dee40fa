"""What asyncio itself complains of, seen by a filter of its logger that lets everything through.

A handler would switch off what Python prints where nobody configured logging, and replacing an exception handler of a
loop would take the program's place. So a complaint that the program's own exception handler keeps to itself is not
seen, nor one below the level that the program has set.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any

from lifesign.agent.complaints.counted import Counted
from lifesign.agent.complaints.deaths import died, is_death, kind_of
from lifesign.agent.exceptions import failure
from lifesign.agent.harmless import complain
from lifesign.agent.tasks.walk import raised_at
from lifesign.loading import from_signal_handler
from lifesign.redact import redacted

if TYPE_CHECKING:
    from lifesign.wire.complaints import AsyncioComplaint
    from lifesign.wire.records import Frame

_TEXT_CHARACTERS = 300
_READ_CHARACTERS = 5000  # of a message that are searched
_AGENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ASYNCIO = os.path.dirname(os.path.abspath(asyncio.__file__)) + os.sep
_NEVER_RETRIEVED = "Task exception was never retrieved"

# Compiled when there is something to search: most programs never complain.
_NAME = r"<\w*Task \w+ name='([^']{1,200})'"
_CORO = r"coro=<([^ ()]{1,200})(?:\(\))? "
_PLACE = r"(?:defined|running|) at ([^\n]{1,400}?):(\d{1,9})(?=[ >\n]|$)"
_OURS = rf"(?:defined at|running at|\) at) {re.escape(_AGENT)}"  # a task that ours made is the user's
_HANDLE = r"^<(?:Timer)?Handle (?:when=\S+ )?([^( ]{1,200})"


class Filter(logging.Filter):
    """Notes what is logged as a warning or worse, and lets everything through."""

    def __init__(self, counted: Counted) -> None:
        super().__init__()
        self._counted = counted
        self.closed = False

    def filter(self, record: logging.LogRecord) -> bool:
        if not self.closed and record.levelno >= logging.WARNING:
            try:
                self._note(record)
            except Exception as error:  # whatever the program handed to the logger
                if from_signal_handler(error):
                    raise
                complain("a complaint of asyncio's could not be read", error)
        return True

    def _note(self, record: logging.LogRecord) -> None:
        message = _whole(record)
        if re.search(_OURS, message):
            return
        error = record.exc_info[1] if type(record.exc_info) is tuple else None
        head = _head(record, message)
        function = _of(_CORO, message)
        place = (raised_at(error) if error is not None else None) or _place(message)
        where = (place["file"], place["line"]) if place is not None else None
        if head == _NEVER_RETRIEVED and error is not None and is_death(error):
            died(self._counted, _of(_NAME, message), function, error, referenced=False)
            return

        def made() -> AsyncioComplaint:
            return {
                "kind": "asyncio_complaint",
                "text": head,
                "task": _of(_NAME, message),
                "function": function,
                "place": place,
                "error": failure(error) if error is not None else None,
                "count": 1,
                "at": time.time_ns(),
            }

        self._counted.note((re.sub(r"\d+", "", head), function, kind_of(error), where), made)


def _whole(record: logging.LogRecord) -> str:
    """The message with what it is about, to be searched; none of it is written."""
    parts = [str(record.msg), *(part for part in _arguments(record) if type(part) is str)]
    return "\n".join(part[:_READ_CHARACTERS] for part in parts)


def _head(record: logging.LogRecord, message: str) -> str:
    """What it says, without the value of an argument."""
    arguments = _arguments(record)
    if arguments:
        about = _of(_CORO, message) or next((_of(_HANDLE, part) for part in arguments if type(part) is str), "")
        shown = tuple(part if type(part) in (int, float) else about or "something" for part in arguments)
        try:
            said = str(record.msg) % shown
        except (TypeError, ValueError):
            said = str(record.msg)
    else:
        said = str(record.msg)
    line = said.split("\n", 1)[0]
    if line.startswith("Exception in callback "):
        line = line.split("(", 1)[0]  # the arguments of the callback follow
    return redacted(line)[:_TEXT_CHARACTERS]


def _arguments(record: logging.LogRecord) -> tuple[Any, ...]:
    return record.args if type(record.args) is tuple else ()


def _of(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found is not None else ""


def _place(message: str) -> Frame | None:
    """The first place in it that is not in asyncio."""
    for found in re.finditer(_PLACE, message):
        file, line = found.groups()
        if not file.startswith(_ASYNCIO):
            return {"function": _of(_CORO, message), "file": file, "line": int(line)}
    return None
