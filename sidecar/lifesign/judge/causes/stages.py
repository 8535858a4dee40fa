"""Causes of a boot that does not end, and of an end that does not come: rows of the table of causes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Dump, Findings
from lifesign.judge.causes.phrases import error_text, group_waits, job_frame, own_frame, place_text
from lifesign.wire import layout
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, TaskGroup

HANGS_NS = 5_000_000_000  # an end that was asked for so long ago and has not come
BOOT = "boot-waits"
EXIT = "exit-waits"
_NUMBER = re.compile(r"Task-(\d{1,12})$")
_STEPS_MAX = 20
_CANCELLED = (("swallowed", "swallowed CancelledError and goes on"), ("cleanup", "was cancelled and cleans up"))
_UNKNOWN = 1 << 62
_MAIN = "MainThread"


def slow_boots(findings: Findings) -> list[Cause]:
    """Where a boot that timed out waits, while what it waits for has not come."""
    dump = findings.dump
    if dump is None or findings.boot != "timed_out" or findings.state not in (states.SILENT, states.DEGRADED):
        return []
    group = _booting(dump)
    if group is None:
        return []
    waits = "" if "running" in group["states"] else f" for {group['waits_for']}"
    return [Cause(BOOT, f"the boot has not ended: {group_waits(group, group['count'])}{waits}", _own(group))]


def shutdowns(findings: Findings) -> list[Cause]:
    """What keeps a process from ending, or kept it until it was killed."""
    dump, asked = findings.dump, findings.asked
    if dump is None or asked is None or asked.ago < HANGS_NS or dump.summary["end"] < asked.at:
        return []
    when = f"{asked.signal} {asked.ago // 1_000_000_000} s ago" if asked.signal else "its end was asked for"
    if findings.state == states.DEAD:
        when = "its shutdown had not ended"
    said, place = _left(dump)
    return [Cause("shutdown-hangs", f"{when}: {said}", place)]


def exits(findings: Findings) -> list[Cause]:
    """What a program waits for that has come to its end, where nobody is known to have asked for that."""
    dump, exiting = findings.dump, findings.exiting
    if dump is None or exiting is None or findings.asked is not None or findings.state in states.ENDED:
        return []
    if dump.summary["end"] < exiting.at:
        return []
    ago = f" {exiting.ago // 1_000_000_000} s ago" if exiting.ago else ""
    if exiting.phase == layout.ENDING_LOOP:
        said, place = _left(dump)
        return [Cause(EXIT, f"asyncio.run() has cancelled all tasks{ago}{_failed(dump)}: {said}", place)]
    left = _thread_left(dump)
    if left is None:
        return []  # code of others
    name, where, frame = left
    what, who = ("program", "an exit handler") if name == _MAIN else ("main thread", f"the thread {name}")
    sentence = f"the {what} has ended{ago}{_failed(dump)}, and Python waits for {who}, which is in {where}"
    return [Cause(EXIT, sentence, frame)]


def _failed(dump: Dump) -> str:
    """The error that the program has ended by, which Python prints when it is over."""
    errors = [thread.get("error") for thread in dump.threads if _MAIN in thread["names"]]
    return "".join(f", after {error_text(error)}" for error in errors if error is not None)


def swallowed(findings: Findings) -> list[Cause]:
    """Somebody waits for the end of a task that was cancelled, and goes on."""
    dump = findings.dump
    if dump is None or findings.state != states.SILENT:
        return []
    made = []
    for group in dump.groups:
        if group.get("cancelled") != "swallowed" or _own(group) is None:
            continue
        waiters = [other for other in dump.groups if any(edge["group"] == group["index"] for edge in other["awaits"])]
        if waiters:
            waits = " and ".join(group_waits(other, other["count"]) for other in waiters)
            sentence = (
                f"probably {_who(group)} does not end: it swallowed CancelledError and goes on at {_where(group)}"
            )
            made.append(Cause("cancel-swallowed", f"{sentence}; {waits} for it", _own(group)))
    return made


def _left(dump: Dump) -> tuple[str, Frame | None]:
    groups = [group for group in dump.groups if _own(group) is not None]
    # Who waits for another task only passes the wait on.
    groups.sort(key=lambda group: (bool(group["awaits"]), group["keeps_the_loop"], -(group["waited_most"] or 0.0)))
    for how, verb in _CANCELLED:
        found = next((group for group in groups if group.get("cancelled") == how), None)
        if found is not None:
            return f"{_who(found)} {verb} at {_where(found)}", _own(found)
    tasks = dump.summary["tasks"]
    if groups and tasks:
        count = "one task is left" if tasks == 1 else f"{tasks} tasks are left"
        return f"{count}, {_who(groups[0])} waits at {_where(groups[0])}", _own(groups[0])
    left = _thread_left(dump)
    if left is not None:
        name, where, frame = left
        return f"no task is left; {name} is in {where}", frame
    return "no task is left: a thread or an exit handler keeps it", None


def _thread_left(dump: Dump) -> tuple[str, str, Frame | None] | None:
    """A thread that Python waits for, and the user's code in which it is, or what it has called as a job."""
    jobs: list[tuple[str, str, Frame | None]] = []
    for thread in dump.threads:
        frame = own_frame(thread["stack"])
        if frame is None or thread["loop"] or thread.get("daemon"):
            continue
        if not is_library(frame["file"]):
            return thread["names"][0], f"{frame['function']} ({place_text(frame)})", frame
        job = job_frame(thread["stack"])
        if thread.get("job"):
            jobs.append((thread["names"][0], thread["job"], None))
        elif job is not None and job != frame:
            jobs.append((thread["names"][0], f"{job['function']} ({place_text(job)})", job))
    return jobs[0] if jobs else None


def _booting(dump: Dump) -> TaskGroup | None:
    """The task that boots: the one that the loop runs for, or the oldest; and whom it waits for, if that is one."""
    groups = {group["index"]: group for group in dump.groups if _own(group) is not None}
    found = min(groups.values(), key=lambda one: (not one["keeps_the_loop"], _age(one)), default=None)
    for _ in range(_STEPS_MAX):
        if found is None or len(found["awaits"]) != 1 or found["awaits"][0]["group"] not in groups:
            break
        found = groups[found["awaits"][0]["group"]]
    return found


def _age(group: TaskGroup) -> int:
    numbers = [int(number[1]) for name in group["names"] if (number := _NUMBER.match(name))]
    return min(numbers, default=_UNKNOWN)


def _own(group: TaskGroup) -> Frame | None:
    frame = own_frame(group["stack"])
    return frame if frame is not None and frame["file"] and not is_library(frame["file"]) else None


def _who(group: TaskGroup) -> str:
    name = group["names"][0] if group["names"] else ""
    if not name or _NUMBER.match(name):
        return group["stack"][0]["function"] + (f" [{name}]" if name else "")
    return name


def _where(group: TaskGroup) -> str:
    frame = _own(group)
    return f"{frame['function']} ({place_text(frame)})" if frame is not None else "an unknown place"
