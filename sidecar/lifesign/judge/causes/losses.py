"""Tasks and callbacks that died, and tasks and coroutines that were lost: rows of the table of causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.causes.findings import RECENT_NS, Cause, Findings
from lifesign.judge.causes.phrases import ago, at, death, error_text, group_waits, own_frame
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.complaints import AsyncioComplaint, TaskEnded

_ILL = (states.SILENT, states.DEGRADED)
_LOSSES_MAX = 3  # that are shown
_CALLBACK = "callback-died"
_LOSSES = (
    ("Task was destroyed", "task-destroyed"),
    ("coroutine ", "never-awaited"),
    ("Exception in callback", _CALLBACK),
    ("Fatal error: protocol.", _CALLBACK),
    ("Fatal error on ", _CALLBACK),
    ("Unhandled exception in client_connected_cb", _CALLBACK),
)
# Who serves connections and does not expect the other side to leave gets these now and then, and is well.
_LEFT = ("IncompleteReadError", "ConnectionResetError", "ConnectionAbortedError", "BrokenPipeError")
_ACCEPT = "socket.accept() out of system resource"


def died(findings: Findings) -> list[Cause]:
    """Tasks that died are worth a sentence in every state: what they were there for is not done any more."""
    made = []
    for one in findings.deaths[:_LOSSES_MAX]:
        unasked = "; its exception has not been retrieved yet" if one["referenced"] else ""
        unasked = "; nobody has kept its future, which alone has the exception" if one.get("handed") else unasked
        sentence = f"{death(one)}, {ago(findings.wall - one['at'])}{_times(one['count'])}{unasked}"
        made.append(Cause("task-died", sentence, one["place"]))
    return made


def hidden(findings: Findings) -> list[Cause]:
    """Errors that nobody has reported yet: whoever has caught one, or collects those of others, waits."""
    dump = findings.dump
    if dump is None or findings.state != states.SILENT:
        return []
    made = []
    for group in dump.groups:
        frame = own_frame(group["stack"])
        for error in group.get("errors", ()) if frame is not None and not is_library(frame["file"]) else ():
            said, place = error_text(error), error["place"]
            waits = group_waits(group, group["count"])
            collected = f"{said}, is kept while {waits} for the others"
            made.append(Cause("hidden-error", collected if error["collected"] else f"after {said}, {waits}", place))
    return made[:_LOSSES_MAX]


def left(findings: Findings) -> list[Cause]:
    """A task that ran for most of the time ended between the last event and when it was due; none does its work now."""
    dump = findings.dump
    if dump is None or findings.state != states.SILENT or findings.asked is not None or findings.exiting is not None:
        return []
    running = {group["stack"][0]["function"] for group in dump.groups if group["stack"]}
    return [
        Cause(
            "task-ended",
            f"probably because {_named(one)} {one['outcome']} {ago(findings.wall - one['at'])}, after "
            f"{ago(round(one['lived'] * 1e9)).removesuffix(' ago')}, and no task does its work now",
        )
        for one in findings.ended
        if one["function"] not in running
    ][:_LOSSES_MAX]


def _named(one: TaskEnded) -> str:
    return one["function"] if one["task"].startswith("Task-") else f"{one['task']} ({one['function']})"


def lost(findings: Findings) -> list[Cause]:
    """What will not do its work: tasks and coroutines that nobody kept or awaited, callbacks that raised.

    The latter are worth a sentence in every state, as tasks that died: no task is there to miss them.
    """
    if findings.state == states.DEAD:
        return []
    made: list[Cause] = []
    for one in findings.complaints:
        word = next((word for said, word in _LOSSES if one["text"].startswith(said)), None)
        worth = findings.state in _ILL or (word == _CALLBACK and not _peer_left(one))
        if word is not None and worth and len(made) < _LOSSES_MAX:
            who = "" if one["function"] in one["text"] else f" ({one['task'] or 'a task'}: {one['function']})"
            sentence = f"{one['text'].rstrip('!.')}{who}{_error(one)}{at(one['place'])}, {_when(one, findings)}"
            made.append(Cause(word, sentence, one["place"]))
    return made


def open_files(findings: Findings) -> list[Cause]:
    """Nearly as many files are open as may be, whatever the state: soon none can be opened, and no connection."""
    files = None if findings.dump is None else findings.dump.summary.get("files")
    if files is None or findings.state in states.ENDED:
        return []
    kinds = [
        f"{one['count']} {one['kind']}{f' ({closed} closed by the other end, and not here)' if closed else ''}"
        for one in files["kinds"]
        if one["count"] > 1
        for closed in (one["closed"],)
    ]
    of_them = f": {', '.join(kinds)}" if kinds else ""
    return [Cause("open-files", f"{files['open']} of {files['most']} files that may be open are{of_them}")]


def refused(findings: Findings) -> list[Cause]:
    """Connections that asyncio could not accept, whatever the state: their clients wait."""
    return [
        Cause("accept-fails", f"connections are not accepted{_error(one)}, {_when(one, findings)}")
        for one in findings.complaints
        if one["text"].startswith(_ACCEPT) and findings.wall - one["at"] < RECENT_NS and findings.state != states.DEAD
    ][:1]


def _peer_left(one: AsyncioComplaint) -> bool:
    return one["error"] is not None and one["error"]["type"].rpartition(".")[2] in _LEFT


def _error(one: AsyncioComplaint) -> str:
    error = one["error"]
    return "" if error is None else f": {error['type']}: {error['message']}"


def _when(one: AsyncioComplaint, findings: Findings) -> str:
    return f"{ago(findings.wall - one['at'])}{_times(one['count'])}"


def _times(count: int) -> str:
    return f", {count} times so far" if count > 1 else ""
