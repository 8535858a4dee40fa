"""Why a process is not healthy although its loop runs: something that the service itself requires does not hold.

A boot that failed or timed out counts only while what it lacked is still lacking: a service whose check passes at
a later run, or whose first event comes after the timeout, has recovered.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from lifesign.wire import layout
from lifesign.wire.reader import EventCount

WAITING, ARRIVED = "waiting for first event", "first event received"  # built-in checkpoints of a boot that waits
_NAMED = 3  # checks and checkpoints that are listed by name
_CHARACTERS = 200  # of each name and reason


class Unmet(NamedTuple):
    """What is known of the requirements of a service.

    `failing` counts its critical post-conditions that fail, `reasons` has the name and the reason of those that are
    known. `missing` and `open` are the names of expected checkpoints that were not reached and of timed ones that did
    not end. `waiting` says that the boot waited for a first event or another proof of life. `deadlock` is the
    sentence on tasks that can never go on; empty where there are none.
    """

    failing: int = 0
    reasons: Sequence[tuple[str, str]] = ()
    missing: Sequence[str] = ()
    open: Sequence[str] = ()
    waiting: bool = False
    deadlock: str = ""


def unmet(
    expected: Iterable[object],
    checkpoints: Iterable[Mapping[str, Any]],
    failing: int,
    reasons: Sequence[tuple[str, str]] = (),
) -> Unmet:
    """What is unmet, from the records of the boot.

    Args:
        expected: the names of the expected checkpoints.
        checkpoints: the newest record of each checkpoint, in their order.
        failing: see `Unmet`, as `reasons`.
    """
    marks = list(checkpoints)
    names = {str(mark.get("name")) for mark in marks}
    reached = {str(mark.get("name")) for mark in marks if mark.get("end") is not None and mark.get("error") is None}
    return Unmet(
        failing,
        reasons,
        missing=[str(name) for name in expected if str(name) not in reached],
        open=[str(mark.get("name")) for mark in marks if mark.get("end") is None],
        waiting=WAITING in names and ARRIVED not in names,
    )


def degraded(unmet: Unmet, phase: int, events: Sequence[EventCount]) -> str | None:
    """What does not hold, in one line; None if nothing is known to be wrong.

    Args:
        phase: how the boot ended, one of `layout.BOOT_FAILED` and so on.
        events: the event counters, of which any event is a proof of life.
    """
    parts = []
    if unmet.failing:
        named = [f"post-condition {_cut(name)!r} fails: {_cut(reason)}" for name, reason in unmet.reasons[:_NAMED]]
        parts = named or [f"{unmet.failing} critical post-condition{'s' * (unmet.failing > 1)} failing"]
        if named and unmet.failing > len(named):
            parts.append(f"{unmet.failing - len(named)} more failing")
    if phase == layout.BOOT_TIMED_OUT:
        lacking = _lacking(unmet, any(event.mono_ns or event.stand_in_ns for event in events))
        if lacking:
            parts.append(f"the boot timed out {lacking}")
    if unmet.deadlock:
        parts.append(unmet.deadlock)
    return "; ".join(parts) or None


def _lacking(unmet: Unmet, proven: bool) -> str:
    if unmet.missing:
        return f"without the checkpoints {_list(unmet.missing)}"
    if unmet.open:
        return f"in the checkpoint {_list(unmet.open)}"
    return "waiting for a proof of life" if unmet.waiting and not proven else ""


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(_cut(name)) for name in names[:_NAMED]) + more


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CHARACTERS else line[: _CHARACTERS - 1] + "…"
