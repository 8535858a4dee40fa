"""Where nothing else is known: the calls of installed packages in which the user's own code waits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Findings
from lifesign.judge.causes.phrases import group_waits, own_frame, place_text
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, TaskGroup

_CALLS_MAX = 3
_PACKAGE = re.compile(r".*/(?:site-packages|dist-packages)/([^/]+?)(?:\.py)?(?:/|$)")
# They wait for what the user's own code has to bring, or for clients, of whom nobody expects that they speak.
_NOT_MEANT = frozenset(
    (
        *("anyio", "async_timeout", "uvloop", "sniffio", "uvicorn", "hypercorn", "daphne", "granian", "gunicorn"),
        *("starlette", "fastapi", "quart", "sanic", "channels"),
    )
)
_SERVES = re.compile(r"(?:_?async_)?(?:_?serve|_?run|_?start|_?main)(?:_|$)")  # a server is meant to be in there


class _Call(NamedTuple):
    group: TaskGroup
    into: Frame
    package: str


def calls(findings: Findings) -> list[Cause]:
    """The innermost call of a package in each group of tasks of a process that lacks an event."""
    dump = findings.dump
    if dump is None or findings.state != states.SILENT:
        return []
    found = [call for group in dump.groups if (call := _call(group)) is not None]
    found.sort(key=lambda one: (one.group["keeps_the_loop"], -(one.group["waited_most"] or 0.0)))
    made = []
    for group, into, package in found[:_CALLS_MAX]:
        where = f"{into['function']} ({place_text(into)})"
        sentence = f"{group_waits(group, group['count'])} in a call of {package}: {where}"
        made.append(Cause("package-call", sentence, own_frame(group["stack"])))
    return made


def _call(group: TaskGroup) -> _Call | None:
    """What of a package the innermost frame of the user's own has called, where that is what it waits in."""
    stack = group["stack"]
    own = [index for index, frame in enumerate(stack) if frame["file"] and not is_library(frame["file"])]
    if not own or own[-1] + 1 >= len(stack) or "running" in group.get("states", ()):
        return None
    into = stack[own[-1] + 1]
    found = _PACKAGE.match(into["file"])
    if found is None or found[1] in _NOT_MEANT or _SERVES.match(into["function"].rpartition(".")[2]):
        return None
    return _Call(group, into, found[1])
