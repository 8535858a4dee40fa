"""Tasks that become more and more: those that never end, and finished ones that something still refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Dump, Findings, TasksSeen
from lifesign.judge.causes.phrases import group_waits, own_frame, place_text

if TYPE_CHECKING:
    from lifesign.wire.records import TaskGroup
    from lifesign.wire.threads import Backlog

TASKS_MIN = 1000
BYTES = "bytes"  # of a backlog
_LEAKS = {"thread": ("threads", ""), "executor": ("executors", ", each with threads of its own, are not shut down")}
DUMPS_MIN = 3  # that must show the growth, without a decrease
GROWTH_MIN = 2.0
SPAN_MIN_NS = 10_000_000_000  # of these dumps: a batch of work is given out and done in less


def population(dump: Dump) -> TasksSeen:
    """The tasks of a dump by the function that each of them was made of."""
    unfinished: dict[str, int] = {}
    finished: dict[str, int] = {}
    for group in dump.groups:
        if group["stack"]:
            _add(unfinished, group["stack"][0]["function"], group["count"])
    for kind in dump.summary["finished"]:
        _add(finished, kind["function"], kind["count"])
    return TasksSeen(dump.summary["end"], unfinished, finished, dump.summary.get("fewest"))


def left_behind(group: TaskGroup) -> Cause:
    """Tasks that somebody should have ended or awaited by now, and who still wait."""
    created = own_frame(group["origin"])
    where = f"; created in {created['function']} ({place_text(created)})" if created is not None else ""
    waits = f" for {group['waits_for']}" if group["waits_for"] else ""
    return Cause("task-leak", f"task leak: {group_waits(group, group['count'])}{waits}{where}", created)


def _add(counts: dict[str, int], function: str, count: int) -> None:
    name = function.rpartition("<locals>.")[2]
    counts[name] = counts.get(name, 0) + count


def leaks(findings: Findings) -> list[Cause]:
    """A function of which every dump has shown more tasks than the one before, with never fewer in between."""
    if findings.dump is None:
        return []
    now = population(findings.dump)
    before = [one for one in findings.earlier if one.at < now.at]
    functions = {**now.unfinished, **now.finished}
    return [_leak(function, before, now, findings.dump) for function in functions if _grows(function, before, now)]


def backlogs(findings: Findings) -> list[Cause]:
    """Queues without a limit, and bytes that wait to be sent, of which there are more and more."""
    if findings.dump is None or findings.state in states.ENDED:
        return []
    return [_backlog(one) for one in findings.dump.summary.get("backlogs", ())]


def _backlog(one: Backlog) -> Cause:
    seconds = max(1, round(one["seconds"]))
    if one["type"] == BYTES:
        size, before = (f"{number / 1e6:.1f} MB" for number in (one["size"], one["before"]))
        to = f" to {one['name']}" if one["name"].startswith("a ") else f" to the {one['name']}" if one["name"] else ""
        grown = f", up from {before} within {seconds} s, and never less in between"
        return Cause("backlog", f"{size} wait to be sent{to}{grown}")
    if one["type"] in _LEAKS:
        return _threads(one, f"{seconds} s ago, and never fewer since")
    kind, name = one["type"], one["name"]
    queue = f"the {kind} {name}" if name else f"a {kind}"
    who = [
        f"{does} in {at['function']} ({place_text(at)})"
        for does, at in (("filled", one["puts"]), ("emptied", one["takes"]))
        if at is not None
    ]
    grown = f"up from {one['before']} within {seconds} s, and never fewer in between"
    said = f"{one['size']} items in {queue}, which has no limit, {grown}"
    return Cause("backlog", f"{said}{': ' if who else ''}{', '.join(who)}", one["takes"] or one["puts"])


def _threads(one: Backlog, since: str) -> Cause:
    at = one["puts"]
    of = f" of {one['name']}{f' ({place_text(at)})' if at is not None else ''}" if one["name"] else ""
    what, so = _LEAKS[one["type"]]
    sentence = f"probably a leak of {what}: {one['size']} {what}{of}{so}; {one['before']} of them {since}"
    return Cause("thread-leak", sentence, at)


def _grows(function: str, before: list[TasksSeen], now: TasksSeen) -> bool:
    seen = [*before, now]
    while seen and not seen[0].of(function):
        del seen[0]
    if len(seen) < DUMPS_MIN or now.at - seen[0].at < SPAN_MIN_NS:
        return False
    for one, then in zip(seen, seen[1:]):
        if then.of(function) < one.of(function) or (then.fewest is not None and then.fewest < one.of(function)):
            return False
    return now.of(function) >= max(TASKS_MIN, GROWTH_MIN * seen[0].of(function))


def _leak(function: str, before: list[TasksSeen], now: TasksSeen, dump: Dump) -> Cause:
    first = next(one for one in before if one.of(function))
    kept = now.finished.get(function, 0)
    group = next((one for one in dump.groups if one["stack"] and one["stack"][0]["function"].endswith(function)), None)
    since = f"{first.of(function)} of them {max(1, round((now.at - first.at) / 1e9))} s ago, and never fewer since"
    created = own_frame(group["origin"]) if group is not None and group["origin"] else None
    where = (
        f"created in {created['function']} ({place_text(created)})"
        if created is not None
        else "LIFESIGN_TASK_ORIGIN=1 shows where they are created"
    )
    if kept >= now.of(function) / 2:
        sentence = f"probably a leak: something keeps {kept} finished tasks of {function}; {since}"
        return Cause("finished-retained", sentence, None, (where,))
    frame = own_frame(group["stack"]) if group is not None else None
    at = f", most at {place_text(frame)}" if frame is not None else ""
    sentence = f"probably a task leak: {now.of(function)} tasks of {function}{at}; {since}"
    return Cause("task-leak", sentence, created or frame, (where,))
