"""The pieces that the sentence on a cause is made of: places, primitives, and who waits for them and holds them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lifesign.judge.causes.findings import WAITS_EXPLAIN_NOTHING
from lifesign.wire.frames import exception_text, importing, is_library, is_package

if TYPE_CHECKING:
    from lifesign.judge.causes.findings import Dump, Findings
    from lifesign.wire.complaints import TaskDied
    from lifesign.wire.frames import CaughtError
    from lifesign.wire.records import Frame, RingStep, TaskGroup, TaskPrimitive

MOVES_SECONDS = 5.0  # after an event was overdue
_EXECUTOR = "/concurrent/futures/thread.py"
BEHIND_MAX = 3  # of those who wait behind what is said
_LIBRARY_ROOT = re.compile(r".*/(?:site-packages|dist-packages|python3[^/]*)/")


def own_frame(stack: list[Frame]) -> Frame | None:
    """The innermost frame of the user's own code in a stack.

    Where there is none it is who imports, or the innermost one of a package, which says more than that of an `Event`.
    """
    own = [frame for frame in stack if frame["file"] and not is_library(frame["file"])]
    if own or not stack:
        return own[-1] if own else None
    found = importing(stack)
    if found is not None:
        return found[0]
    packages = [frame for frame in stack if is_package(frame["file"])]
    return (packages or stack)[-1]


def job_frame(stack: list[Frame]) -> Frame | None:
    """Where the job of an executor is in the user's own code; where it is in none, what the executor has called."""
    own = own_frame(stack)
    called = [at for at, frame in enumerate(stack, 1) if frame["file"].endswith(_EXECUTOR)]
    if own is None or not is_library(own["file"]) or not called or called[-1] == len(stack):
        return own
    return stack[called[-1]]


def place_text(frame: Frame) -> str:
    """A place in short: ``service.py:158``."""
    return f"{os.path.basename(frame['file'])}:{frame['line']}"


def call_text(stack: list[Frame]) -> str:
    """A call by the user's own code, outermost frame first: ``match (app.py:6), in search (re.py:9)``, and by whom."""
    own, innermost = own_frame(stack), stack[-1]
    where = f"{own['function']} ({place_text(own)})" if own is not None else "code without a Python frame"
    into = "" if own == innermost else f", in {innermost['function']} ({place_text(innermost)})"
    imports = import_text(stack, own)
    callers = [frame for frame in stack if frame["file"] and not is_library(frame["file"])][:-1]
    called = f", called from {callers[-1]['function']} ({place_text(callers[-1])})" if callers else ""
    return f"{where}{f', which {imports}' if imports else into}{called}"


def import_text(stack: list[Frame], place: Frame | None) -> str:
    """What `place` imports, as its stack says: ``imports pandas``, and in which call; empty where it imports nothing.

    Where an import is at that moment says nothing: the next moment it is elsewhere.
    """
    found = importing(stack)
    if found is None or place is None:
        return ""
    who, file = found
    through = "" if who["function"] == place["function"] else f", in {who['function']} ({place_text(who)})"
    return f"imports {module_name(file) or 'a module'}{through}"


def module_name(file: str) -> str:
    """The name of the module in a file, as far as that says it: ``pandas.core.frame``."""
    if file.startswith("<frozen "):
        return file[len("<frozen ") : -1]
    root = _LIBRARY_ROOT.match(file)
    parts = (file[root.end() :] if root else "/".join(file.split("/")[-2:])).removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    elif not root:
        parts = parts[-1:]
    return ".".join(parts)


def waited_for(findings: Findings) -> list[tuple[Dump, TaskPrimitive]]:
    """Primitives that somebody waits for, outside of deadlocks, those with most waiters first.

    None of them explains anything in a process that is well.
    """
    dump = findings.dump
    if dump is None or findings.state in WAITS_EXPLAIN_NOTHING:
        return []
    in_rings = {step["primitive"] for ring in dump.summary["rings"] for step in ring}
    found = [
        one
        for one in dump.primitives
        if one["waiting"] and one["index"] not in in_rings and not _moves(one, dump, findings.overdue)
    ]
    return [(dump, one) for one in sorted(found, key=lambda one: -count_of(one))]


def _moves(primitive: TaskPrimitive, dump: Dump, overdue: int) -> bool:
    """Whether all who wait for it began to do so well after an event was overdue: then it goes on, and is no cause.

    How long a wait has been there counts from when tasks were listed first and it was among them. So it began after
    the list before that one, from which on another wait counts that is still there. One that a clock ends begins
    again by itself.
    """
    if not overdue:
        return False
    listed = [age for group in dump.groups for age in (group["waited_most"], group["waited_least"]) if age is not None]
    late = (dump.summary["end"] - overdue) / 1e9 - MOVES_SECONDS
    by_index = {group["index"]: group for group in dump.groups}
    for edge in primitive["waiting"]:
        group = by_index.get(edge["group"])
        age = None if group is None or group["time_left"] is not None else group["waited_most"]
        if age is None or min((one for one in listed if one >= age + 1), default=late) >= late:
            return False
    return True


def waiting(primitive: TaskPrimitive, dump: Dump) -> str:
    """Who waits for it, in one line."""
    return " and ".join(waiters(primitive, dump)) or f"{count_of(primitive)} tasks wait"


def waiters(primitive: TaskPrimitive, dump: Dump, less: int = 0) -> list[str]:
    """Who waits for it, one line per group; `less` of them have been named already."""
    lines = []
    by_index = {group["index"]: group for group in dump.groups}
    for edge in sorted(primitive["waiting"], key=lambda edge: -edge["count"]):
        group = by_index.get(edge["group"])
        count = edge["count"]
        if less and count <= less:
            less -= count
            continue
        if group is not None and group["stack"]:
            lines.append(group_waits(group, count))
    return lines


def group_waits(group: TaskGroup, count: int) -> str:
    """So many tasks of a group that wait, where, and for how long: ``3 x OrderDesk._work wait (service.py:135)``."""
    frame = own_frame(group["stack"])
    who, where = (frame["function"], place_text(frame)) if frame is not None else ("a task", "nowhere")
    return f"{count} x {who} {'waits' if count == 1 else 'wait'} ({where}{_long(group)})"


def _long(group: TaskGroup | None) -> str:
    """For how long they wait, where it is long enough to mean something, and for how long they will."""
    if group is None:
        return ""
    left = f", {round(group['time_left'])} s left" if group["time_left"] is not None else ""
    if group["waited_most"] is None or group["waited_most"] < 1:
        return left
    most, least = round(group["waited_most"]), round(group["waited_least"] or 0)
    return (f", for {most} s" if most - least <= most / 10 else f", for {least} to {most} s") + left


def behind(primitive: TaskPrimitive, dump: Dump) -> list[str]:
    """Who waits for those who wait for it, and so on, the nearest first; but for the task that waits for all."""
    waits = {edge["group"] for edge in primitive["waiting"]}
    known = set(waits)
    lines: list[str] = []
    while waits and len(lines) < BEHIND_MAX:
        found = [group for group in dump.groups if group["index"] not in known and _awaits(group, waits)]
        for group in found:
            frame = own_frame(group["stack"])
            if frame is not None and not group["keeps_the_loop"]:
                verb = "waits" if group["count"] == 1 else "wait"
                lines.append(f"behind it: {group['count']} x {frame['function']} {verb} ({place_text(frame)})")
        waits = {group["index"] for group in found}
        known |= waits
    return lines[:BEHIND_MAX]


def _awaits(group: TaskGroup, others: set[int]) -> bool:
    return any(edge["group"] in others for edge in group["awaits"])


def holders(primitive: TaskPrimitive) -> list[str]:
    lines = []
    for holder in primitive["holders"]:
        who = holder["task"] if holder["task"] is not None else "a suspended generator"
        waits = f" and is at {place_text(holder['at'])}" if holder["at"] not in (None, holder["place"]) else ""
        block = f"{holder['place']['function']} ({place_text(holder['place'])})"
        lines.append(f"{who} holds {name_of(primitive)} in {block}{waits}")
    return lines


def death(one: TaskDied) -> str:
    """A task that died: ``consumer (Desk.consume) ended with ValueError: no price, at service.py:95``."""
    named = one["task"] and not one["task"].startswith("Task-")
    who = f"{one['task']} ({one['function']})" if named else one["function"] or "a task"
    if one.get("thread"):
        who = f"thread {one['task']} ({one['function']})" if one["function"] else f"thread {one['task']}"
    if one.get("handed"):
        job = f"the job {one['function']}" if one["function"] else "a job"
        thread = f" in thread {one['task']}" if one["task"] else ""
        who = job + thread if one["handed"] == "executor" else f"{one['function'] or 'a coroutine'}, run for a thread,"
    error = one["error"]
    where = f", at {place_text(one['place'])}" if one["place"] is not None else ""
    return f"{who} ended with {exception_text(error['type'], error['message'])}{where}"


def error_text(error: CaughtError) -> str:
    """An exception that is kept: ``ValueError: no price, raised in Desk.work (service.py:9)``."""
    return f"{exception_text(error['type'], error['message'])}{raised(error['place'])}"


def raised(place: Frame | None) -> str:
    """Where an exception was raised, as a part of a sentence; empty where that is not known."""
    return f", raised in {place['function']} ({place_text(place)})" if place is not None else ""


def ago(nanoseconds: int) -> str:
    """How long ago, as one says it: ``12 s ago``."""
    seconds = max(0, nanoseconds) // 1_000_000_000
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def counted(number: int, noun: str) -> str:
    """So many of something: ``1 task``, ``12 tasks``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def primitive_of(index: int | None, dump: Dump) -> TaskPrimitive | None:
    return next((one for one in dump.primitives if one["index"] == index), None)


def name_of(primitive: TaskPrimitive) -> str:
    """What it is called; its place is where somebody waits for it, which is said of them."""
    kind = primitive["type"]
    if primitive["name"]:
        return f"the {kind} {primitive['name']}"
    return f"{'an' if kind[:1] in 'AEIOa' or kind.startswith('HTTP') else 'a'} {kind}"


def task_name(step: RingStep) -> str:
    if step["at"] is not None and step["task"].startswith("Task-"):
        return f"{step['at']['function']} [{step['task']}]"
    return step["task"]


def at(frame: Frame | None) -> str:
    return f" at {place_text(frame)}" if frame is not None else ""


def count_of(primitive: TaskPrimitive) -> int:
    return sum(edge["count"] for edge in primitive["waiting"])
