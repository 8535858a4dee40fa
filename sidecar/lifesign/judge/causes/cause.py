"""The cause of an illness, in one sentence that names the user's own code: a pure function of the agent's records.

Each row of `_ROWS` knows one cause, the certain ones first. What was seen is stated as a fact ("holds", "waits"); what
only follows from it is called probable. A row that does not find its cause returns nothing: a wrong cause is worse
than none.

======================  ==========================================================  ==========
word                    what was seen                                               certain
======================  ==========================================================  ==========
``deadlock``            a ring of tasks that wait for each other, or for what they  yes
                        hold, with every holder known and no timeout around them
``nested-acquire``      a ring of one task: it waits for what it holds itself       yes
``self-wait``           a thread waits for what only itself, or the event loop      yes
                        that it runs, can bring
``thread-lock``         the loop's thread waits for a lock of threads; who holds    yes
                        it is certain for an RLock, and probable for a Lock
``blocking-call``       the loop's thread is inside one call and does not return    yes
``uncaught-exception``  an exception that nobody caught ended the process           yes
``pool-exhausted``      all of a pool or semaphore is in use, and tasks wait        yes
``executor-full``       all threads of an executor are busy, and jobs wait          yes
``lock-held``           tasks wait for a lock whose holder waits for something      yes
``consumer-died``       a queue is full, nobody takes, a task ended by an error     probably
``queue-full``          tasks wait for room in a queue that nobody takes from       yes
``queue-empty``         tasks wait for items of a queue that nobody puts in         probably
``task-died``           a task ended by an exception that nobody has asked for      yes
``task-destroyed``      a task was collected while it waited                        yes
``never-awaited``       a coroutine was made, and dropped without being awaited     yes
======================  ==========================================================  ==========

Deadlocks, also a thread's with itself, and tasks that died are shown in any state. All others are causes only of an
illness: a busy service waits for locks, pools and queues all the time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

from lifesign.judge import states
from lifesign.judge.causes import threads
from lifesign.judge.causes.findings import WAITS_EXPLAIN_NOTHING, Cause, Dump, Findings
from lifesign.judge.causes.losses import died, lost
from lifesign.judge.causes.phrases import (
    ago,
    at,
    count_of,
    death,
    holders,
    name_of,
    own_frame,
    place_text,
    primitive_of,
    task_name,
    waiters,
    waiting,
)
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, RingStep, Stall, TaskPrimitive

_TRACEBACK = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d{1,9}), in (?P<function>[^\n]+)')
_ORIGIN = re.compile(r"^(?:caused by|raised while handling|one of \d+): (.+)$", re.MULTILINE)
BEHIND_MAX = 3  # of groups that wait behind what is said


def causes(findings: Findings) -> list[Cause]:
    """The causes that can be shown, the one that explains most first; empty where there is none."""
    if findings.state == states.STOPPED:
        return []  # nothing is wrong any more
    return [cause for row in _ROWS for cause in row(findings)]


def _deadlocks(findings: Findings) -> list[Cause]:
    dump = findings.dump
    return [] if dump is None else [_deadlock(ring, dump) for ring in dump.summary["rings"] if ring]


def _deadlock(ring: list[RingStep], dump: Dump) -> Cause:
    before = [*ring[-1:], *ring[:-1]]  # a step holds what the one before it waits for
    said = [_step(holds, step, following, dump) for holds, step, following in zip(before, ring, [*ring[1:], *ring[:1]])]
    behind = [
        line
        for step in ring
        if (primitive := primitive_of(step["primitive"], dump)) is not None
        for line in waiters(primitive, dump, less=_in_ring(primitive, ring))
    ]
    word = "nested-acquire" if len(ring) == 1 and ring[0]["primitive"] is not None else "deadlock"
    first, *others = said
    return Cause(word, f"deadlock: {first}", ring[0]["at"], (*others, *behind[:BEHIND_MAX]))


def _step(before: RingStep, step: RingStep, following: RingStep, dump: Dump) -> str:
    held, wanted = primitive_of(before["primitive"], dump), primitive_of(step["primitive"], dump)
    who = task_name(step)
    if wanted is None:
        return f"{who} waits for {task_name(following)}" + at(step["at"])
    if step is before:
        return f"{who} holds {_noun(wanted)} and waits for it once more{at(step['at'])}"
    # The place of a primitive is where somebody waits for it, which says nothing of who holds it.
    holds = f"holds {_noun(held)} and " if held is not None else ""
    return f"{who} {holds}waits for {_noun(wanted)}{at(step['at'])}, which {task_name(following)} holds"


def _in_ring(primitive: TaskPrimitive, ring: list[RingStep]) -> int:
    return sum(1 for step in ring if step["primitive"] == primitive["index"])


def _blocking_calls(findings: Findings) -> list[Cause]:
    if findings.state != states.BLOCKED:
        return []
    others = [stall for stall in findings.stalls if not stall.get("ring") and not threads.waits_for_lock(stall)]
    return [_blocking_call(stall) for stall in others if stall["stack"]]


def _blocking_call(stall: Stall) -> Cause:
    own, innermost = own_frame(stall["stack"]), stall["stack"][-1]
    doing = {True: "computes", False: "waits", None: "is"}[stall["busy"]]
    where = f"{own['function']} ({place_text(own)})" if own is not None else "code without a Python frame"
    into = "" if own == innermost else f", in {innermost['function']} ({place_text(innermost)})"
    callers = [frame for frame in stall["stack"] if frame["file"] and not is_library(frame["file"])][:-1]
    called = f", called from {callers[-1]['function']} ({place_text(callers[-1])})" if callers else ""
    return Cause("blocking-call", f"its thread {doing} in {where}{into}{called}{threads.in_short(stall)}", own)


def _uncaught(findings: Findings) -> list[Cause]:
    error = findings.error
    if error is None or findings.state != states.DEAD:
        return []
    frames: list[Frame] = [
        {"function": found["function"], "file": found["file"], "line": int(found["line"])}
        for found in _TRACEBACK.finditer(error["stack"])
    ]
    place = own_frame(frames)
    where = f", raised in {place['function']} ({place_text(place)})" if place is not None else ""
    origins = _ORIGIN.findall(error["stack"])
    came = f"; it came up as {error['type']}: {error['message']}" if origins else ""
    what = origins[-1] if origins else f"{error['type']}: {error['message']}"
    return [Cause("uncaught-exception", f"{what}{where}{came}", place)]


def _exhausted(findings: Findings) -> list[Cause]:
    return [
        Cause(
            "pool-exhausted",
            f"{name_of(primitive)} is used up ({primitive['state']}): {waiting(primitive, dump)}",
            primitive["place"],
            tuple(holders(primitive)),
        )
        for dump, primitive in _waited_for(findings)
        if primitive["how"] not in ("get", "put") and _is_used_up(primitive) and primitive["type"] != "Lock"
    ]


def _is_used_up(primitive: TaskPrimitive) -> bool:
    words = primitive["state"].split()
    if words[:2] == ["0", "of"] or words[:2] == ["0", "free"]:
        return True
    return len(words) > 3 and words[1] == "of" and words[0] == words[2] and "use" in words


def _held(findings: Findings) -> list[Cause]:
    return [
        Cause(
            "lock-held",
            f"{holders(primitive)[0]}; {waiting(primitive, dump)} for {name_of(primitive)}",
            primitive["holders"][0]["at"],
        )
        for dump, primitive in _waited_for(findings)
        if primitive["type"] == "Lock" and primitive["holders"]
    ]


def _full_queues(findings: Findings) -> list[Cause]:
    made = []
    for dump, primitive in _waited_for(findings):
        if primitive["how"] not in ("put", "send") or not primitive["state"].startswith("full"):
            continue
        full = f"{waiting(primitive, dump)} for room in {name_of(primitive)}: {primitive['state']}, nobody takes"
        died = [kind for kind in dump.summary["finished"] if kind["outcome"].startswith("raised ")]
        if findings.deaths:
            newest = findings.deaths[0]
            sentence = f"{full}; probably because {death(newest)}, {ago(findings.wall - newest['at'])}"
            made.append(Cause("consumer-died", sentence, primitive["place"]))
        elif died:
            error = f"{died[0]['outcome'].removeprefix('raised ')}: {died[0]['message']}"
            sentence = f"{full}; probably because {died[0]['function']} ended with {error}"
            made.append(Cause("consumer-died", sentence, primitive["place"]))
        else:
            made.append(Cause("queue-full", full, primitive["place"]))
    return made


def _empty_queues(findings: Findings) -> list[Cause]:
    if findings.state != states.SILENT:
        return []  # an empty queue is a cause only if an event is missing
    return [
        Cause(
            "queue-empty",
            f"probably nobody feeds {name_of(primitive)}: {waiting(primitive, dump)} for an item",
            primitive["place"],
        )
        for dump, primitive in _waited_for(findings)
        if primitive["how"] in ("get", "receive") and primitive["state"] == "empty"
    ]


def _waited_for(findings: Findings) -> list[tuple[Dump, TaskPrimitive]]:
    """Primitives that somebody waits for, outside of deadlocks, those with most waiters first."""
    dump = findings.dump
    if dump is None or findings.state in WAITS_EXPLAIN_NOTHING:
        return []
    in_rings = {step["primitive"] for ring in dump.summary["rings"] for step in ring}
    found = [one for one in dump.primitives if one["waiting"] and one["index"] not in in_rings]
    return [(dump, one) for one in sorted(found, key=lambda one: -count_of(one))]


def _noun(primitive: TaskPrimitive) -> str:
    return f"the {primitive['type']} {primitive['name']}" if primitive["name"] else f"a {primitive['type']}"


_ROWS: tuple[Callable[[Findings], list[Cause]], ...] = (
    _deadlocks,
    threads.rings,
    threads.thread_locks,
    _blocking_calls,
    _uncaught,
    _exhausted,
    threads.executors,
    _held,
    _full_queues,
    _empty_queues,
    died,
    lost,
)
