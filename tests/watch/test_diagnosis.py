"""The table of illnesses, a test a row: values by hand, times in seconds."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.watch.diagnosis import Ending, Reading, diagnose
from lifesign.wire.reader import EventCount, LoopSigns, WatchdogSigns

S = 1_000_000_000
NOW = 1000 * S
BOOTING, COMPLETE, FAILED, TIMED_OUT = 0, 1, 2, 3
RUNNING, ENDED = 1, 2
CLEAN: Any = {"how": "clean", "error": None, "ended": 0, "beats": 0, "events": 0}
CRASHED: Any = {**CLEAN, "how": "exception", "error": {"type": "KeyError", "message": "'x'", "stack": ""}}


def loop(age: float, state: int = RUNNING) -> LoopSigns:
    return LoopSigns(state, 1, 5, 0, NOW - int(age * S), 0, 1, 0)


def watchdog(age: float, phase: int = COMPLETE) -> WatchdogSigns:
    return WatchdogSigns(5, 0, NOW - int(age * S), 3, phase, 0, 0)


def event(name: str, age: float | None, deadline: float = 0) -> EventCount:
    return EventCount(name, 0 if age is None else 1, 0, 0 if age is None else NOW - int(age * S), 0, int(deadline * S))


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


ROWS: list[tuple[str, dict[str, Any], str, str]] = [
    ("beats", {}, "healthy", "no event is promised"),
    (
        "beats, events on time",
        {"events": (event("order", 5, 30), event("tick", 1, 5))},
        "healthy",
        "2 promised events on time",
    ),
    ("just not stale", {"loops": (loop(3.0),), "watchdog": watchdog(3.0)}, "healthy", ""),
    ("booting", {"watchdog": watchdog(0.1, BOOTING)}, "starting", "boot has not ended"),
    (
        "no loop yet",
        {"loops": (), "watchdog": watchdog(0.1, BOOTING), "started": NOW - 2 * S},
        "starting",
        "no event loop yet",
    ),
    ("no loop for long", {"loops": (), "watchdog": watchdog(0.1, BOOTING)}, "idle", "runs no event loop"),
    ("no loop, boot timed out", {"loops": (), "watchdog": watchdog(0.1, TIMED_OUT)}, "idle", "runs no event loop"),
    ("loop ended", {"loops": (loop(50, ENDED),)}, "idle", "event loop has ended"),
    ("boot failed but beats", {"watchdog": watchdog(0.1, FAILED)}, "healthy", ""),
    (
        "event overdue",
        {"events": (event("order", 31, 30),)},
        "silent",
        "'order' came last, 31.0 s ago; due every 30.0 s",
    ),
    (
        "event never came",
        {"events": (event("order", None, 30),)},
        "silent",
        "'order' has not come since the start, 100.0 s ago",
    ),
    (
        "boot timed out on the first event",
        {"watchdog": watchdog(0.1, TIMED_OUT), "events": (event("order", None, 300),)},
        "silent",
        "",
    ),
    ("late event that nobody promised", {"events": (event("order", 5000),)}, "healthy", ""),
    ("loop stale", {"loops": (loop(4.5),)}, "blocked", "the event loop has not turned for 4.5 s; Python still runs"),
    ("one of two loops stale", {"loops": (loop(4.5), loop(0.1))}, "blocked", "1 of 2 event loops"),
    ("an ended loop is not stale", {"loops": (loop(50, ENDED), loop(0.1))}, "healthy", ""),
    ("blocked while booting", {"loops": (loop(4.5),), "watchdog": watchdog(0.1, BOOTING)}, "blocked", ""),
    ("blocked beats silent", {"loops": (loop(40),), "events": (event("order", 40, 30),)}, "blocked", ""),
    ("both stale", {"loops": (loop(4.5),), "watchdog": watchdog(4.0)}, "frozen", "no Python code has run for 4.0 s"),
    ("stale without a loop", {"loops": (), "watchdog": watchdog(4.0)}, "frozen", ""),
    ("never beat at all", {"loops": (), "watchdog": None}, "frozen", "100.0 s"),
    ("only the watchdog stale", {"watchdog": watchdog(50)}, "healthy", ""),
    ("we were away", {"loops": (loop(60),), "watchdog": watchdog(60), "watching_since": NOW - 2 * S}, "healthy", ""),
    (
        "we are back for long",
        {"loops": (loop(60),), "watchdog": watchdog(60), "watching_since": NOW - 4 * S},
        "frozen",
        "4.0 s",
    ),
    ("killed", {"alive": False}, "dead", "gone without a tombstone"),
    ("killed, signal known", {"alive": False, "ending": Ending(None, None, "SIGKILL")}, "dead", "killed by SIGKILL"),
    ("os._exit(3)", {"alive": False, "ending": Ending(None, 3, None)}, "dead", "exit code 3"),
    ("os._exit(0)", {"alive": False, "ending": Ending(None, 0, None)}, "stopped", "by itself"),
    ("sys.exit(3)", {"alive": False, "tombstone": CLEAN, "ending": Ending(None, 3, None)}, "dead", "exit code 3"),
    ("clean end", {"alive": False, "tombstone": CLEAN}, "stopped", "by itself"),
    ("uncaught exception", {"alive": False, "tombstone": CRASHED}, "dead", "uncaught KeyError: 'x'"),
    (
        "uncaught exception on the way out",
        {"alive": False, "tombstone": CRASHED, "ending": Ending("SIGTERM", 1)},
        "dead",
        "KeyError",
    ),
    (
        "SIGTERM without a handler",
        {"alive": False, "ending": Ending("SIGTERM", None, "SIGTERM")},
        "stopped",
        "ended by SIGTERM, as asked",
    ),
    (
        "a hangup that ended it",
        {"alive": False, "ending": Ending("SIGHUP", None, "SIGHUP")},
        "stopped",
        "ended by SIGHUP, as asked",
    ),
    (
        "a reload, and later a crash",
        {"alive": False, "ending": Ending("SIGHUP", None, "SIGSEGV")},
        "dead",
        "killed by SIGSEGV",
    ),
    (
        "asked, and a code of its own",
        {"alive": False, "tombstone": CLEAN, "ending": Ending("SIGTERM", 143)},
        "stopped",
        "as asked",
    ),
]


@pytest.mark.parametrize(("changes", "state", "why"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_row(changes: dict[str, Any], state: str, why: str) -> None:
    verdict = diagnose(reading(**changes))
    assert verdict.state == state
    assert why in verdict.why
    assert "\n" not in verdict.why
