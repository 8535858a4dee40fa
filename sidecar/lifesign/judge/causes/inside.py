"""Waits that only the process itself can end: for a pool, a lock, room in a queue or an item of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Dump, Findings
from lifesign.judge.causes.phrases import ago, counted, death, holders, name_of, own_frame, waited_for, waiting
from lifesign.judge.causes.whose import is_users_own
from lifesign.wire.layout import HOLDERS_MAX

if TYPE_CHECKING:
    from lifesign.wire.records import Frame, TaskPrimitive

_POOLS = (" pool", " connector")
_COUNT = re.compile(r"\d{1,12}")


def exhausted(findings: Findings) -> list[Cause]:
    """All of a pool or of a semaphore is in use."""
    return [
        Cause(
            "pool-exhausted",
            f"{name_of(primitive)} is used up ({primitive['state']}): {waiting(primitive, dump)}",
            primitive["place"],
            (*holders(primitive), *_by_acquire(primitive)),
        )
        for dump, primitive in waited_for(findings)
        if primitive["how"] not in ("get", "put")
        and _is_used_up(primitive)
        and primitive["type"] not in ("Lock", "Barrier")
    ]


def _is_used_up(primitive: TaskPrimitive) -> bool:
    words = primitive["state"].split()
    if words[:2] == ["0", "of"] or words[:2] == ["0", "free"]:
        return True
    return len(words) > 3 and words[1] == "of" and words[0] == words[2] and "use" in words


def _by_acquire(primitive: TaskPrimitive) -> list[str]:
    """How many hold it without a with block: their tasks may have ended, or forgotten it."""
    found, there_are = len(primitive["holders"]), primitive["held"]
    if not found and primitive["type"].endswith(_POOLS):
        return ["no task holds it by a with block: what was taken has not been returned, as by an unclosed response"]
    if not found:
        return ["no task holds it by a with block: taken by acquire(), and not released yet"]
    if there_are is None or there_are <= found or found >= HOLDERS_MAX:
        return []
    return [f"{there_are - found} more were taken by acquire(), without a with block, and not released yet"]


def held(findings: Findings) -> list[Cause]:
    """The holder of a lock waits for something itself, or there is none that could release it."""
    made = []
    for dump, primitive in waited_for(findings):
        if primitive["type"] != "Lock":
            continue
        if primitive["holders"]:
            sentence = f"{holders(primitive)[0]}; {waiting(primitive, dump)} for it"
            made.append(Cause("lock-held", sentence, primitive["holders"][0]["at"]))
        elif primitive["held"]:
            sentence = (
                f"{name_of(primitive)} was taken by acquire(), and not released: {waiting(primitive, dump)} for it"
            )
            made.append(Cause("lock-held", sentence, primitive["place"], ("no task holds it by an async with",)))
    return made


def full_queues(findings: Findings) -> list[Cause]:
    """A queue is full, and nobody takes from it."""
    made = []
    for dump, primitive in waited_for(findings):
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


def joined_queues(findings: Findings) -> list[Cause]:
    """Somebody waits until all items of a queue are done, and some that were taken were never said to be."""
    made = []
    for dump, primitive in waited_for(findings):
        said = _unmarked(primitive) if primitive["how"] == "join" else ""
        if not said:
            continue
        sentence = f"{said}: {waiting(primitive, dump)} in join()"
        if findings.deaths and primitive["state"].endswith(" 0 wait for an item"):
            newest = findings.deaths[0]
            sentence = f"{sentence}; probably because {death(newest)}, {ago(findings.wall - newest['at'])}"
            made.append(Cause("consumer-died", sentence, primitive["place"]))
        else:
            made.append(Cause("queue-join", sentence, primitive["place"]))
    return made


def _unmarked(primitive: TaskPrimitive) -> str:
    """As the agent counts: ``5 taken and not marked by task_done(), 0 in it, 3 wait for an item``."""
    counts = [int(number) for number in _COUNT.findall(primitive["state"])]
    if len(counts) != len(("taken", "left", "wait")):
        return ""
    taken, left, wait = counts
    name = name_of(primitive)
    if not taken:
        return f"nobody takes the {counted(left, 'item')} in {name}" if left and not wait else ""
    rest = f", {left} {'is' if left == 1 else 'are'} still in it" if left else ""
    idle = ", and whoever takes from it waits for the next one" if wait and not left else ""
    were = "was" if taken == 1 else "were"
    return f"{counted(taken, 'item')} of {name} {were} taken and not marked by task_done(){rest}{idle}"


def empty_queues(findings: Findings) -> list[Cause]:
    """A queue is empty, and nobody feeds it."""
    if findings.state != states.SILENT:
        return []  # an empty queue is a cause only if an event is missing
    joined = {one["name"] for _, one in waited_for(findings) if one["how"] == "join"}
    return [
        Cause(
            "queue-empty",
            f"probably nobody feeds {name_of(primitive)}: {waiting(primitive, dump)} for an item",
            primitive["place"],
        )
        for dump, primitive in waited_for(findings)
        if _is_empty(primitive)
        and not _as_pool(primitive, dump)
        and is_users_own(primitive, dump)
        and primitive["name"] not in joined  # who waits for its end has put all items in
    ]


def _is_empty(primitive: TaskPrimitive) -> bool:
    return primitive["how"] in ("get", "receive") and primitive["state"] == "empty"


def queues_as_pools(findings: Findings) -> list[Cause]:
    """A queue serves as a pool, and whoever has an item of it waits for another one."""
    return [
        Cause(
            "pool-exhausted",
            f"probably {name_of(primitive)} is a pool that is used up, by tasks that want a second item before they "
            f"have put the first one back: {waiting(primitive, dump)}",
            _as_pool(primitive, dump),
        )
        for dump, primitive in waited_for(findings)
        if _is_empty(primitive) and _as_pool(primitive, dump)
    ]


def _as_pool(primitive: TaskPrimitive, dump: Dump) -> Frame | None:
    """The last of several places at which one function waits for an item: there it wants another one."""
    waits = {edge["group"] for edge in primitive["waiting"]}
    places: dict[tuple[str, str], Frame] = {}
    several = False
    for group in dump.groups:
        frame = own_frame(group["stack"]) if group["index"] in waits else None
        if frame is not None:
            known = places.setdefault((frame["file"], frame["function"]), frame)
            several = several or known["line"] != frame["line"]
            if frame["line"] > known["line"]:
                places[frame["file"], frame["function"]] = frame
    return next(iter(places.values())) if several and len(places) == 1 else None
