"""The table of illnesses, a test a row: values by hand, times in seconds."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.degraded import Unmet
from lifesign.judge.diagnosis import diagnose, loops_late_at_death
from lifesign.judge.reading import Ending
from support.made.readings import (
    BOOTING,
    CLEAN,
    ENDED,
    FAILED,
    NOW,
    TIMED_OUT,
    S,
    both_stale,
    event,
    loop,
    reading,
    watchdog,
)
from support.rows import rows


def asked(ago: float, signal: str = "SIGTERM") -> dict[str, Any]:
    """Its end was asked for so many seconds ago."""
    return {"ending": Ending(signal, asked_at=NOW - int(ago * S))}


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
    (
        "a critical check fails",
        {"unmet": Unmet(1, (("db", "connection\nrefused"),))},
        "degraded",
        "post-condition 'db' fails: connection refused",
    ),
    ("critical checks fail that are not known by name", {"unmet": Unmet(2)}, "degraded", "2 critical post-conditions"),
    (
        "more checks fail than are listed",
        {"unmet": Unmet(5, tuple((name, "no") for name in "abcde"))},
        "degraded",
        "'c' fails: no; 2 more failing",
    ),
    ("a check fails while booting", {"watchdog": watchdog(0.1, BOOTING), "unmet": Unmet(1)}, "starting", ""),
    ("a check fails and an event is overdue", {"unmet": Unmet(1), "events": (event("order", 31, 30),)}, "silent", ""),
    ("a check fails in a blocked service", {"unmet": Unmet(1), "loops": (loop(4.5),)}, "blocked", ""),
    ("a check fails, and the loop has ended", {"unmet": Unmet(1), "loops": (loop(50, ENDED),)}, "idle", ""),
    ("boot failed, its check still fails", {"watchdog": watchdog(0.1, FAILED), "unmet": Unmet(1)}, "degraded", ""),
    ("boot failed, its check passed later", {"watchdog": watchdog(0.1, FAILED)}, "healthy", ""),
    (
        "boot timed out without a checkpoint",
        {"watchdog": watchdog(0.1, TIMED_OUT), "unmet": Unmet(missing=("a", "b", "c", "d", "e"))},
        "degraded",
        "the boot timed out without the checkpoints 'a', 'b', 'c' and 2 more",
    ),
    (
        "boot timed out in a checkpoint",
        {"watchdog": watchdog(0.1, TIMED_OUT), "unmet": Unmet(open=("broker",))},
        "degraded",
        "the boot timed out in the checkpoint 'broker'",
    ),
    (
        "boot timed out, no proof of life",
        {"watchdog": watchdog(0.1, TIMED_OUT), "unmet": Unmet(waiting=True)},
        "degraded",
        "waiting for a proof of life",
    ),
    (
        "boot timed out, an event came later",
        {"watchdog": watchdog(0.1, TIMED_OUT), "unmet": Unmet(waiting=True), "events": (event("order", 5),)},
        "healthy",
        "",
    ),
    ("boot timed out, what it lacked came later", {"watchdog": watchdog(0.1, TIMED_OUT)}, "healthy", ""),
    (
        "event overdue",
        {"events": (event("order", 31, 30),)},
        "silent",
        "promised event 'order' is 1.0 s late: last seen 31.0 s ago, due every 30.0 s",
    ),
    (
        "event never came",
        {"events": (event("order", None, 30),)},
        "silent",
        "'order' is 70.0 s late: none since the start 100.0 s ago, due every 30.0 s",
    ),
    (
        "boot timed out on the first event",
        {"watchdog": watchdog(0.1, TIMED_OUT), "events": (event("order", None, 300),)},
        "silent",
        "'order' has not been seen since the start 100.0 s ago: the boot waited for it until it timed out",
    ),
    ("late event that nobody promised", {"events": (event("order", 5000),)}, "healthy", ""),
    ("asked to end, and its clean-up blocks the loop", {**asked(8), "loops": (loop(8),)}, "healthy", "SIGTERM 8.0 s"),
    ("asked to end, C cleans up", {**asked(8), **both_stale()}, "healthy", "it has 30.0 s to end"),
    ("asked to end, its consumer has", {**asked(8), "events": (event("order", 31, 30),)}, "healthy", ""),
    ("asked to end, its database has", {**asked(8), "unmet": Unmet(1)}, "healthy", ""),
    ("asked to end, and it is still there", {**asked(31), "loops": (loop(31),)}, "blocked", "for 31.0 s"),
    ("blocked before it was asked", {**asked(8), "loops": (loop(9),), "reported": "blocked"}, "blocked", "for 9.0 s"),
    ("a reload is no end", {**asked(8, "SIGHUP"), "loops": (loop(8),)}, "blocked", "for 8.0 s"),
    ("loop stale", {"loops": (loop(4.5),)}, "blocked", "the event loop has not turned for 4.5 s; Python still runs"),
    (
        "one of two loops parked",
        {"loops": (loop(4.5), loop(0.1)._replace(wall_ns=7)), "parked": frozenset({0})},
        "healthy",
        "the event loop beats",
    ),
    (
        "one of three loops parked, another stale",
        {"loops": (loop(4.5), loop(0.1)._replace(wall_ns=7), loop(4.5)._replace(wall_ns=8)), "parked": frozenset({0})},
        "blocked",
        "1 of 2 event loops",
    ),
    ("the only loop parked", {"loops": (loop(4.5),), "parked": frozenset({0})}, "blocked", "the event loop"),
    ("one of two loops stale", {"loops": (loop(4.5), loop(0.1))}, "blocked", "1 of 2 event loops"),
    ("an ended loop is not stale", {"loops": (loop(50, ENDED), loop(0.1))}, "healthy", ""),
    ("blocked while booting", {"loops": (loop(4.5),), "watchdog": watchdog(0.1, BOOTING)}, "blocked", ""),
    (
        "synthetic events stand in for real ones in a dry run",
        {"events": (event("order", None, 30)._replace(synthetic=9, stand_in_ns=NOW - 5 * S),)},
        "healthy",
        "1 promised event on time",
    ),
    (
        "synthetic events that stay away are missed too",
        {"events": (event("order", None, 30)._replace(synthetic=9, stand_in_ns=NOW - 40 * S),)},
        "silent",
        "last seen 40.0 s ago",
    ),
    (
        "synthetic events beside real ones prove nothing",
        {"events": (event("order", 40, 30)._replace(synthetic=9, stand_in_ns=NOW - 5 * S),)},
        "silent",
        "last seen 40.0 s ago",
    ),
    ("blocked beats silent", {"loops": (loop(40),), "events": (event("order", 40, 30),)}, "blocked", ""),
    ("both stale", {"loops": (loop(4.5),), "watchdog": watchdog(4.0)}, "frozen", "no Python code has run for 4.0 s"),
    ("both stale, nothing seen", both_stale(), "frozen", "GIL held, stopped or starved"),
    ("SIGSTOP", both_stale("T", 0, 3), "frozen", "no Python code has run for 4.0 s: stopped by a signal"),
    ("SIGSTOP while a dump was written", both_stale("T", 0, 3, held=True), "frozen", "stopped by a signal"),
    ("a debugger", both_stale("t", 0, 3), "frozen", "stopped by a debugger"),
    ("disk", both_stale("D", 0, 3), "frozen", "waiting for the disk, or paused"),
    ("C computes", both_stale("R", 2.9, 3, False), "frozen", "GIL held by C code that computes"),
    ("C computes in a thread", both_stale("S", 2.9, 3, False), "frozen", "GIL held by C code that computes"),
    ("C computes, one poll", both_stale("R"), "frozen", "GIL held by C code that computes, or starved"),
    ("C waits", both_stale("S", 0.01, 3, False), "frozen", "GIL held by C code that waits"),
    ("C waits, no quota to see", both_stale("S", 0.01, 3), "frozen", "GIL held by C code that waits"),
    ("the switch went off", both_stale(held=True), "frozen", "GIL held by C code"),
    (
        "throttled, it gets something",
        both_stale("S", 0.15, 3, True),
        "healthy",
        "starved: no beat for 4.5 s",
    ),
    ("throttled while it answered", both_stale("R", 0.15, 3, True, held=True), "healthy", "starved: no beat for 4.5 s"),
    ("starved while it answered", both_stale("R", 0.15, 3, held=True), "frozen", "GIL held by C code that computes"),
    ("throttled, a lot has gone into it", both_stale("R", 0.8, 3, True), "frozen", "C code that computes"),
    ("throttled for long, without a beat", both_stale("S", 0.8, 16, True), "frozen", "quota is used up"),
    ("throttled, it gets nothing", both_stale("S", 0, 3, True), "frozen", "throttled, its CPU quota is used up"),
    ("starved, it gets something", both_stale("R", 0.15, 3), "healthy", "starved: "),
    ("starved, it gets nothing", both_stale("R", 0, 3), "healthy", "starved: "),
    ("a beat came late", both_stale("S", 0.15, 3, moved=True), "healthy", "starved: "),
    ("its thread waits for a CPU", both_stale("S", 0.15, 3, ran=0.1, waited=2.5), "healthy", "starved: "),
    ("its thread waits for the GIL", both_stale("S", 0.15, 3, ran=0.0, waited=0.1), "frozen", "C code that waits"),
    ("its thread computes on a busy machine", both_stale("R", 0.9, 3, ran=0.8, waited=2.0), "frozen", "that computes"),
    (
        "the watchdog alone waits for a CPU",
        both_stale("S", 0.1, 3, ran=0, waited=0, queued=2.5),
        "blocked",
        "slowly",
    ),
    (
        "one computes, others wait",
        both_stale("S", 2.0, 3, ran=1.0, waited=0, queued=2.5),
        "frozen",
        "that computes",
    ),
    ("about to run, seen for a moment", both_stale("R", 0, 0.1, ran=0.0, waited=0.0), "frozen", ""),
    ("starved for ten timeouts", both_stale("R", 0.15, 35, age=36), "blocked", "it gets too little CPU time"),
    ("starved while booting", {**both_stale("R", 0.1, 3), "watchdog": watchdog(4.0, BOOTING)}, "starting", ""),
    ("starved, an event is overdue", {**both_stale("R", 0.1, 3), "events": (event("order", 31, 30),)}, "healthy", ""),
    (
        "starved, the silence is older",
        {**both_stale("R", 0.1, 3), "events": (event("order", 31, 30),), "reported": "silent"},
        "silent",
        "",
    ),
    (
        "starved, the block is older",
        {**both_stale("R", 0.1, 3), "reported": "blocked"},
        "blocked",
        "too little CPU time",
    ),
    (
        "the loop alone is starved",
        {**both_stale("S", 0.1, 3, ran=0.1, waited=2.5), "watchdog": watchdog(0.1)},
        "healthy",
        "starved: no beat for 4.5 s",
    ),
    (
        "the loop sleeps on a busy machine",
        {**both_stale("S", 0.1, 3, ran=0.0, waited=0.0), "watchdog": watchdog(0.1)},
        "blocked",
        "Python still runs",
    ),
    ("a process that is not seen, on a busy machine", both_stale(contended=True), "healthy", "starved: "),
    (
        "the watchdog throttled, the loop in time",
        {**both_stale("S", 0.15, 3, True), "loops": (loop(0.1),)},
        "healthy",
        "",
    ),
    ("throttled without a loop", {**both_stale("S", 0.15, 3, True), "loops": (loop(50, ENDED),)}, "idle", ""),
    (
        "both fell silent, the loop a moment before",
        {"loops": (loop(3.04),), "watchdog": watchdog(2.98)},
        "healthy",
        "",
    ),
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
    (
        "its exit handlers run",
        {"tombstone": CLEAN, "watchdog": watchdog(20), "loops": (loop(21, ENDED),)},
        "stopped",
        "",
    ),
    ("gone", {"alive": False}, "dead", "gone without a tombstone"),
]


@rows("changes, state, why", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_row(changes: dict[str, Any], state: str, why: str) -> None:
    verdict = diagnose(reading(**changes))
    assert verdict.state == state
    assert why in verdict.why
    assert "\n" not in verdict.why


def test_one_poll_cannot_see_whether_another_thread_computes() -> None:
    assert diagnose(reading(**both_stale("S"))).why.endswith(": GIL held by C code")


@pytest.mark.parametrize(
    ("state", "over", "found", "verdict"),
    [
        ("R", 0.0, "healthy", "healthy"),  # seen late for the first time: nothing to compare with
        ("S", 1.4, "blocked", "blocked"),  # less than half a timeout
        ("S", 1.6, "healthy", "frozen"),
        ("T", 0.0, "healthy", "frozen"),  # the kernel says that it is stopped: there is nothing to wait for
        ("R", 0.0, "frozen", "frozen"),
        ("R", 0.0, None, "frozen"),
    ],
)
def test_a_freeze_is_not_told_before_it_can_be_told_from_want_of_cpu(
    state: str, over: float, found: str | None, verdict: str
) -> None:
    assert diagnose(reading(**both_stale(state, over=over), reported=found)).state == verdict


def test_a_loop_that_did_not_turn_when_its_process_was_killed() -> None:
    stuck, turning = loop(60.0), loop(40.0)
    killed = reading(loops=(stuck, turning), watchdog=watchdog(39.0))
    assert loops_late_at_death(killed) == [stuck]
    assert loops_late_at_death(reading(loops=(stuck,), watchdog=watchdog(39.0), tombstone=CLEAN)) == []
    assert loops_late_at_death(reading(loops=(stuck,), watchdog=None)) == []
