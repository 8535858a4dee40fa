"""One process in one dense row, and one verdict on all of them: pure functions of snapshots."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from lifesign.judge import states
from lifesign.judge.causes.stalls import MAKE_NOBODY_ILL
from lifesign.judge.health import Facts, facts_ready, livez, readyz
from lifesign.watch.telemetry import Snapshot

WHY_CHARACTERS = 300
NAMES = 5  # of checks that fail, in a row
LINES = 20  # of a verdict

GOOD, WARN, BAD, NEUTRAL = "good", "warn", "bad", "neutral"

# Worst first. What died without being asked to comes before what merely is not well.
ORDER = (
    states.FROZEN,
    states.BLOCKED,
    states.DEAD,
    states.SILENT,
    states.DEGRADED,
    states.STARTING,
    states.HEALTHY,
    states.IDLE,
    states.STOPPED,
)
_TONES = {
    **dict.fromkeys((states.FROZEN, states.BLOCKED, states.DEAD), BAD),
    **dict.fromkeys((states.SILENT, states.DEGRADED), WARN),
    states.HEALTHY: GOOD,
}


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One process; times are wall clock milliseconds.

    `id` is a number that no other row of this sidecar has had; `since` is when it came into its state, as far as this
    sidecar has seen it; `spark` has one character for each of the newest polls (see `serve.board`).
    """

    id: int
    key: str
    pid: int
    service: str
    command: str
    state: str
    tone: str
    why: str
    since: int
    began: int
    ready: bool = True
    watched: bool = True
    failing: tuple[str, ...] = ()  # names of critical post-conditions that do not hold
    conditions: tuple[str, ...] = ()
    cause: str = ""
    place: str = ""
    tasks: int = 0
    spark: str = ""


class VerdictView(msgspec.Struct, frozen=True):
    """What badge, title and favicon show of all processes together.

    `word` is the state of those that are worst off, `count` how many they are, and `of` how many there are. `lines`
    say why the service is not ready, one for each process.
    """

    tone: str
    word: str
    count: int
    of: int
    ready: bool
    live: bool
    lines: tuple[str, ...] = ()


def row_of(number: int, snapshot: Snapshot, *, since: int, now: int, watched: bool) -> RowView:
    """The row of a process without its sparkline; `since` and `now` in wall clock milliseconds."""
    known = facts(snapshot)
    ready = facts_ready(known)
    failing = tuple(name for name, _ in known.reasons[:NAMES]) or ("post-conditions",) * bool(known.failing)
    cause = next(iter(snapshot.causes), None)
    return RowView(
        id=number,
        key=snapshot.key,
        pid=snapshot.pid,
        service=snapshot.service,
        command=snapshot.command,
        state=snapshot.state,
        tone=tone(snapshot.state, ready=ready),
        why=snapshot.why[:WHY_CHARACTERS],
        since=since,
        began=now - int(snapshot.uptime * 1000) if snapshot.alive else 0,
        ready=ready,
        watched=watched,
        failing=failing,
        conditions=snapshot.conditions,
        cause=cause.sentence[:WHY_CHARACTERS] if cause is not None and cause.word not in MAKE_NOBODY_ILL else "",
        place=f"{os.path.basename(cause.file)}:{cause.line}" if cause is not None and cause.file else "",
        tasks=snapshot.tasks,
    )


def tone(state: str, *, ready: bool) -> str:
    """The colour of a state: nothing is good that is not ready."""
    found = _TONES.get(state, NEUTRAL)
    return WARN if found == GOOD and not ready else found


def verdict(watched: Sequence[Snapshot], shown: Sequence[Snapshot]) -> VerdictView:
    """One verdict on all that is watched; where nothing lives any more, on all that is shown."""
    known = [facts(one) for one in watched]
    current = [one for one in watched if one.alive] or list(watched) or list(shown)
    if not current:
        return VerdictView(NEUTRAL, "no process", 0, 0, ready=False, live=True)
    ready, live = readyz(known or [facts(one) for one in shown]), livez(known)
    worst = min((one.state for one in current), key=ORDER.index)
    lines = tuple(text for text in ready.lines if not text.startswith("[+]"))
    return VerdictView(
        tone=tone(worst, ready=ready.ok),
        word=worst,
        count=sum(one.state == worst for one in current),
        of=len(current),
        ready=ready.ok,
        live=live.ok,
        lines=lines[:LINES],
    )


def facts(process: Snapshot) -> Facts:
    """What `judge.health` judges by."""
    return Facts(
        key=process.key,
        state=process.state,
        why=process.why,
        alive=process.alive,
        boot=process.boot,
        failing=process.failing,
        reasons=tuple(
            (check.name, check.reason) for check in process.postconditions if check.critical and not check.passed
        ),
    )
