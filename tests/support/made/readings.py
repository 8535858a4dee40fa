"""Readings made by hand: ages in seconds before a moment that stands still."""

from __future__ import annotations

from typing import Any

from lifesign.judge.kernel import Outside
from lifesign.judge.reading import Circumstances, Reading
from lifesign.wire.reader import EventCount, LoopSigns, WatchdogSigns

S = 1_000_000_000
NOW = 1000 * S
BOOTING, COMPLETE, FAILED, TIMED_OUT = 0, 1, 2, 3
RUNNING, ENDED = 1, 2
CLEAN: Any = {"how": "clean", "error": None, "ended": 0, "beats": 0, "events": 0}


def loop(age: float, state: int = RUNNING) -> LoopSigns:
    return LoopSigns(state, 1, 5, 0, NOW - int(age * S), 0, 1, 0)


def watchdog(age: float, phase: int = COMPLETE) -> WatchdogSigns:
    return WatchdogSigns(5, 0, NOW - int(age * S), 3, phase, 0, 0)


def event(name: str, age: float | None, deadline: float = 0) -> EventCount:
    return EventCount(name, 0 if age is None else 1, 0, 0 if age is None else NOW - int(age * S), 0, int(deadline * S))


def both_stale(
    state: str | None = None,
    cpu: float = 0,
    over: float = 0,
    throttled: bool | None = None,
    ran: float | None = None,
    waited: float | None = None,
    queued: float = 0,
    age: float = 4.0,
    **more: Any,
) -> dict[str, Any]:
    """Loop and watchdog stale by 4 s; what the kernel says of it, seconds since it was first seen to be late."""
    outside = None
    if state is not None:
        thread = [None if seconds is None else int(seconds * S) for seconds in (ran, waited)]
        outside = Outside(state, int(cpu * S), int(over * S), throttled, *thread, int(queued * S))
    return {"loops": (loop(age + 0.5),), "watchdog": watchdog(age), "circumstances": Circumstances(outside, **more)}


def reading(**changes: Any) -> Reading:
    """Healthy, started 100 s ago, heartbeat timeout 3 s, boot timeout 8 s."""
    base = Reading(
        now=NOW,
        watching_since=0,
        alive=True,
        watchdog=watchdog(0.1),
        loops=(loop(0.1),),
        events=(),
        started=NOW - 100 * S,
        timeout=3 * S,
        boot_timeout=8 * S,
    )
    return base._replace(**changes)
