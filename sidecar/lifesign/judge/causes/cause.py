"""The cause of an illness, in one sentence that names the user's own code: a pure function of the agent's records.

Each row of `_ROWS` knows one cause, the certain ones first. What was seen is stated as a fact ("holds", "waits"); what
only follows from it is called probable. A row that does not find its cause returns nothing: a wrong cause is worse
than none. docs/causes.md has a line for each word, and an example.

Deadlocks, also a thread's with itself, tasks that died, stalls and busy loops are shown in any state. All others are
causes only of an illness: a busy service waits for locks, pools and queues all the time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

from lifesign.judge import states
from lifesign.judge.causes import endings, inside, outside, packages, threads
from lifesign.judge.causes.findings import Cause, Dump, Findings
from lifesign.judge.causes.leaks import backlogs, leaks
from lifesign.judge.causes.losses import died, hidden, left, lost, open_files, refused
from lifesign.judge.causes.phrases import (
    BEHIND_MAX,
    at,
    name_of,
    own_frame,
    primitive_of,
    task_name,
    waiters,
)
from lifesign.judge.causes.stages import BOOT, exits, shutdowns, slow_boots, swallowed
from lifesign.judge.causes.stalls import SHORT_STALLS, busy_loops, short_stalls

if TYPE_CHECKING:
    from lifesign.wire.records import RingStep, TaskPrimitive

WAITED_MIN = 5.0  # seconds that a wait must be old to be suspect
_USUAL = ("long-sleep", "event-not-set")
STILL_MIN = 60.0  # seconds that a wait must be old to be one that nothing ends
NO_REASONS = ("task-died", "task-destroyed", "never-awaited", "callback-died", SHORT_STALLS)  # that anybody waits
_NUMBERS = re.compile(r", for [\d to]{1,40} s")


def causes(findings: Findings) -> list[Cause]:
    """The causes that can be shown, the one that explains most first; empty where there is none."""
    if findings.state == states.STOPPED:
        return []  # nothing is wrong any more
    made = [cause for row in _ROWS for cause in row(findings)]
    others = [cause for cause in made if cause.word != BOOT]
    if any(cause.word not in NO_REASONS for cause in others):
        made = others  # where a boot waits is no news beside a reason for that
    if all(cause.word in (*NO_REASONS, BOOT) for cause in made):
        made = [*packages.calls(findings), *made]
    return _each_once(made)


def suspects(dump: Dump) -> list[Cause]:
    """What would explain a silence of a process that is healthy: it has waited for a while.

    Services sleep on purpose, and many a one waits for the event that ends it: neither is suspect.
    """
    waits = tuple(group for group in dump.groups if (group["waited_most"] or 0.0) >= WAITED_MIN)
    found = causes(Findings(states.SILENT, _without_fresh_waits(dump, WAITED_MIN)._replace(groups=waits)))
    return [cause for cause in found if cause.word not in _USUAL]


def _each_once(found: list[Cause]) -> list[Cause]:
    """Ten queues of ten connections are one sentence."""
    alike: dict[tuple[str, str], list[Cause]] = {}
    for cause in found:
        alike.setdefault((cause.word, _NUMBERS.sub("#", cause.sentence)), []).append(cause)
    return [
        first._replace(evidence=(*first.evidence, f"and {len(more)} more like this")) if more else first
        for first, *more in alike.values()
    ]


def deadlocks(findings: Findings) -> list[Cause]:
    """Those that are certain, whatever the state of the process."""
    dump = findings.dump
    return [] if dump is None else [_deadlock(_rotated(ring), dump) for ring in dump.summary["rings"] if ring]


def _rotated(ring: list[RingStep]) -> list[RingStep]:
    """From the step nearest to the top of its file on: each dump of a deadlock makes one and the same sentence."""
    first = min(range(len(ring)), key=lambda index: _position(ring[index]))
    return [*ring[first:], *ring[:first]]


def _position(step: RingStep) -> tuple[bool, str, int, str]:
    place = step["at"]
    return (True, "", 0, step["task"]) if place is None else (False, place["file"], place["line"], step["task"])


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
        return f"{who} holds {name_of(wanted)} and waits for it once more{at(step['at'])}"
    # The place of a primitive is where somebody waits for it, which says nothing of who holds it.
    holds = f"holds {name_of(held)} and " if held is not None else ""
    return f"{who} {holds}waits for {name_of(wanted)}{at(step['at'])}, which {task_name(following)} holds"


def _in_ring(primitive: TaskPrimitive, ring: list[RingStep]) -> int:
    return sum(1 for step in ring if step["primitive"] == primitive["index"])


def _no_progress(findings: Findings) -> list[Cause]:
    """What would explain a silence, in a process that promised nothing and in which nothing moves any more."""
    if findings.dump is None or findings.state not in (states.HEALTHY, states.STARTING):
        return []
    still = findings.dump.summary["still"]
    if still is None:
        return []
    silent = findings._replace(state=states.SILENT, dump=_without_fresh_waits(findings.dump, still))
    found = [cause for row in _INTERNAL for cause in row(silent)]
    if not found:
        return []
    first, *others = found
    sentence = f"probably stuck: nothing that waits has moved for {round(still)} s; {first.sentence}"
    return [Cause("no-progress", sentence, first.place, (*first.evidence, *(cause.sentence for cause in others)))]


def _without_fresh_waits(dump: Dump, still: float) -> Dump:
    """Without what nobody has waited for that long: its waiters come and go, by timeouts of theirs as well.

    And without what somebody holds who goes on by a clock, as the one that was elected leader does.
    """
    long = min(still, STILL_MIN)
    ages = {group["index"]: group["waited_most"] or 0.0 for group in dump.groups}
    moving = [own_frame(group["stack"]) for group in dump.groups if ages[group["index"]] < long]
    kept = [
        one
        for one in dump.primitives
        if any(ages.get(edge["group"], 0.0) >= long for edge in one["waiting"])
        and not any(holder["at"] is not None and holder["at"] in moving for holder in one["holders"])
    ]
    return dump._replace(primitives=tuple(kept))


# What only the process itself can end.
_INTERNAL: tuple[Callable[[Findings], list[Cause]], ...] = (
    inside.exhausted,
    inside.held,
    inside.full_queues,
    outside.lost_futures,
    outside.barriers,
    inside.queues_as_pools,
    inside.joined_queues,
)
_ROWS: tuple[Callable[[Findings], list[Cause]], ...] = (
    deadlocks,
    threads.rings,
    threads.thread_locks,
    threads.blocking_calls,
    threads.held_gil,
    endings.uncaught,
    endings.oom_killed,
    endings.blocked,
    open_files,
    shutdowns,
    exits,
    inside.exhausted,
    threads.ended_loops,
    threads.executors,
    inside.held,
    inside.full_queues,
    outside.lost_futures,
    outside.barriers,
    inside.queues_as_pools,
    inside.joined_queues,
    hidden,
    left,
    swallowed,
    busy_loops,
    outside.children,
    outside.closing_servers,
    outside.lookups,
    outside.peers,
    inside.empty_queues,
    outside.events,
    outside.pending_futures,
    threads.jobs,
    outside.sleeps,
    slow_boots,
    _no_progress,
    leaks,
    backlogs,
    died,
    lost,
    refused,
    short_stalls,
)
