"""Causes of deaths: an exception, the OOM killer, and what a process was stuck in when somebody had enough of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.causes import threads
from lifesign.judge.causes.findings import Cause, Findings
from lifesign.judge.causes.phrases import own_frame, raised
from lifesign.wire.frames import exception_text

if TYPE_CHECKING:
    from lifesign.wire.records import Failure, Frame

_TRACEBACK = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d{1,9}), in (?P<function>[^\n]+)')
# By which a time-out ends what it is over: never where something began.
_CANCELLED = frozenset(("asyncio.exceptions.CancelledError", "concurrent.futures._base.CancelledError"))
_ORIGIN = re.compile(r"^(?:caused by|raised while handling|one of \d+): (.+)$", re.MULTILINE)


def uncaught(findings: Findings) -> list[Cause]:
    """An exception that nobody caught, and where it came from."""
    error = findings.error
    if error is None or findings.state != states.DEAD:
        return []
    frames: list[Frame] = [
        {"function": found["function"], "file": found["file"], "line": int(found["line"])}
        for found in _TRACEBACK.finditer(error["stack"])
    ]
    place = own_frame(frames)
    came_up = exception_text(error["type"], error["message"])
    origins = _origins(error)
    came = f"; it came up as {came_up}" if origins else ""
    what = origins[-1] if origins else came_up
    return [Cause("uncaught-exception", f"{what}{raised(place)}{came}", place)]


def _origins(error: Failure) -> list[str]:
    """What it came from, the last the first to be raised; without what only hands a time-out on."""
    found = [text.removesuffix(": ") for text in _ORIGIN.findall(error["stack"])]
    found = [text for text in found if text.partition(":")[0] not in _CANCELLED]
    while found and found[-1] == error["type"]:  # the same once more, and without a word
        found.pop()
    return found


def oom_killed(findings: Findings) -> list[Cause]:
    """The kernel's OOM killer."""
    return [] if findings.oom is None or findings.state != states.DEAD else [Cause("oom-killed", findings.oom)]


def blocked(findings: Findings) -> list[Cause]:
    """What kept an event loop from turning up to the moment at which its process was killed."""
    if findings.state != states.DEAD or findings.error is not None or not findings.stalls:
        return []
    then = findings._replace(state=states.BLOCKED)
    found = [cause for row in (threads.rings, threads.thread_locks, threads.blocking_calls) for cause in row(then)]
    return [cause._replace(sentence=f"it was killed while blocked: {cause.sentence}") for cause in found]
