"""Event loops that turn, but badly: short stalls, whose doing they are, and loops that spin.

A process with one of these causes is not ill. It has a condition, which fails no probe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Sequence

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Findings, StallsSeen
from lifesign.judge.causes.phrases import ago, import_text, own_frame, place_text
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame
    from lifesign.wire.stalls import BusyLoop, StackTime, StallCulprit

STALLS_MIN = 3  # of one culprit that are recent: fewer, such as a late import, are no condition
MACHINE_NS = (
    3_000_000_000  # of what is nobody's doing: a hundredth of the time, which any busy machine takes now and then
)
COMPUTES, WAITS = 0.5, 0.2  # of a time with the processor: from which on it computes, and up to which it waits
CULPRITS_SHOWN = 3
_TURNS = (states.HEALTHY, states.SILENT, states.DEGRADED)  # in which loops turn, and a boot is over

# By what stalled a loop: the word of the cause, and what is said of it. Of the first three somebody's code is to blame.
SHORT_STALLS = "short-stalls"
_WORDS = {
    "call": SHORT_STALLS,
    "callbacks": SHORT_STALLS,
    "gc": SHORT_STALLS,
    "quota": "cpu-quota",
    "starved": "starved",
    "paging": "paging",
    "steal": "cpu-steal",
    "stopped": "sigstop",
}
BY_THE_MACHINE = {
    "quota": "the CPU quota was used up",
    "starved": "the process got too little CPU time",
    "paging": "memory had to be read from the disk",
    "steal": "the hypervisor gave the processor to others",
    "stopped": "the process was stopped by a signal (SIGSTOP)",
}
MAKE_NOBODY_ILL = frozenset(_WORDS.values())  # said of a process beside whatever it is ill of
BUSY = "busy"
_CONDITIONS = {
    BUSY: "busy",
    SHORT_STALLS: "stalling",
    "task-leak": "leaking",
    "finished-retained": "leaking",
    "backlog": "leaking",
    "thread-leak": "leaking",
    "cpu-quota": "starved",
    "starved": "starved",
    "cpu-steal": "starved",
}


def conditions(words: Iterable[str]) -> tuple[str, ...]:
    """The conditions of a process with these causes; what asks for no probe to fail, whatever the state."""
    return tuple(dict.fromkeys(_CONDITIONS[word] for word in words if word in _CONDITIONS))


def short_stalls(findings: Findings) -> list[Cause]:
    """What has stalled the loops of a process again and again, that with the most time first."""
    if findings.state not in _TURNS:
        return []
    found = [one for one in findings.culprits if one.recent >= STALLS_MIN and not _is_usual(one)]
    found.sort(key=lambda one: -one.recent_time)
    return [stall_cause(one.culprit, findings.wall) for one in found[:CULPRITS_SHOWN]]


def _is_usual(seen: StallsSeen) -> bool:
    return seen.culprit["what"] in BY_THE_MACHINE and seen.recent_time < MACHINE_NS


def stall_cause(culprit: StallCulprit, now: int) -> Cause:
    """What one culprit has done to the event loops; `now` is the wall clock's."""
    last = ago(now - culprit["last"])
    sentence = f"{culprit_text(culprit)}; this stalled the event loop {figures_text(culprit)}, last {last}"
    task = f"in task {culprit['task']} ({culprit['coroutine']})" if culprit["task"] else ""
    evidence = tuple(filter(None, (callers_text(culprit["stacks"], culprit["place"]), task)))
    return Cause(stall_word(culprit), sentence, culprit["place"], evidence)


def stall_word(culprit: StallCulprit) -> str:
    """The word of the cause."""
    return _WORDS[culprit["what"]]


def culprit_text(culprit: StallCulprit) -> str:
    """What stalled the loop, as a clause: ``render (app.py:8) computes, in dumps (encoder.py:238)``."""
    what, place = culprit["what"], culprit["place"]
    if what in BY_THE_MACHINE:
        return BY_THE_MACHINE[what]
    where = _at(place) if place is not None else ""
    if what == "gc":
        return f"the garbage collector ran{f', begun in {where}' if where else ''}"
    if what == "callbacks":
        return f"many callbacks ran in one turn{f', most of them of {where}' if where else ''}"
    where = where or "code without a Python frame"
    if culprit["thread"]:
        return f"thread {culprit['thread']} is in {where} and holds the GIL"
    imports = import_text(culprit["stacks"][0]["stack"], place) if culprit["stacks"] else ""
    does = f"{doing(culprit['computing'], culprit['total'])}{_inside(culprit['stacks'], place)}"
    return f"{where} {imports or does}"


def _at(frame: Frame) -> str:
    """A function and its place; a callback that is compiled has none."""
    return f"{frame['function']} ({place_text(frame)})" if frame["file"] else frame["function"]


def doing(computing: int, total: int, words: tuple[str, str, str] = ("computes", "computes and waits", "waits")) -> str:
    """Which of the `words` is true: a time was spent with the processor, or without; who lacks processors does both."""
    if computing >= COMPUTES * total:
        return words[0]
    return words[2] if computing <= WAITS * total else words[1]


def _inside(stacks: Sequence[StackTime], place: Frame | None) -> str:
    """The function that was called in the end, where it is not the user's own."""
    innermost = stacks[0]["stack"][-1] if stacks and stacks[0]["stack"] else None
    if innermost is None or place is None or innermost["function"] == place["function"] or not innermost["file"]:
        return ""
    return f", in {_at(innermost)}"


def callers_text(stacks: Sequence[StackTime], place: Frame | None) -> str:
    """Who of the user's own called it, the nearest first; empty where nobody did."""
    stack = stacks[0]["stack"] if stacks else []
    own = [frame for frame in stack if frame["file"] and not is_library(frame["file"])]
    callers = [frame for frame in reversed(own) if frame != place][:3]
    return "called from " + ", ".join(map(_at, callers)) if callers else ""


def figures_text(culprit: StallCulprit) -> str:
    """How often and for how long: ``14 times since the start, 5.2 s in all, 1.2 s at worst``."""
    if culprit["count"] == 1:
        return f"once, for {length_text(culprit['total'])}"
    total, worst = length_text(culprit["total"]), length_text(culprit["worst"])
    return f"{culprit['count']} times since the start, {total} in all, {worst} at worst"


def length_text(nanoseconds: int) -> str:
    """A length as one says it: ``62 ms``, ``5.2 s``, ``3 min``."""
    seconds = nanoseconds / 1e9
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def busy_loops(findings: Findings) -> list[Cause]:
    """Loops that turn without a pause, and what they do."""
    if findings.state not in (*_TURNS, states.STARTING):
        return []
    return [
        Cause(
            BUSY,
            busy_text(one),
            _own_place(one),
            tuple(filter(None, (callers_text(one["stacks"], one["place"]), f"it began {_since(one, findings)}"))),
        )
        for one in findings.busy[:CULPRITS_SHOWN]
    ]


def _own_place(one: BusyLoop) -> Frame | None:
    """The user's own: that of the task which runs again and again, where the samples are in none."""
    task = one.get("next")
    return one["place"] if task is None or task["place"] is None else task["place"]


def _since(one: BusyLoop, findings: Findings) -> str:
    return ago(findings.wall - one["since"])


def busy_text(busy: BusyLoop) -> str:
    """``busy: 98 % of a core, 40 of 40 samples in retry_cancel (app.py:8)``."""
    place = busy["place"] or own_frame(busy["stacks"][0]["stack"] if busy["stacks"] else [])
    where = _at(place) if place is not None else "no place of its own"
    share = f"{100 * min(1.0, max(0.0, busy['utilization'])):.0f} % of a core"
    return f"busy: {share}, {busy['in_place']} of {busy['samples']} samples in {where}{_next(busy)}"


def _next(busy: BusyLoop) -> str:
    task = busy.get("next")
    if task is None:
        return ""
    at = f", which is in {_at(task['place'])}," if task["place"] is not None else ""
    return f"; task {task['task']}{at} ran or was to run next in {task['count']} of them"
