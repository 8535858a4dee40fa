"""One verdict on a process and on all of them: nothing is green that is not ready."""

from __future__ import annotations

from typing import Any

from lifesign.judge import states
from lifesign.serve.shown.rows import ORDER, row_of, verdict
from lifesign.watch.telemetry import CauseReading, PostconditionReading, Snapshot
from support.made.boards import snapshot
from support.rows import rows

FAILS = {"failing": 1, "postconditions": (PostconditionReading("database", False, True, "refused"),)}


def test_every_state_has_a_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(states.STATES)


@rows(
    ("state", "changes", "tone", "ready"),
    [
        ("healthy", {}, "good", True),
        ("healthy", FAILS, "warn", False),
        ("healthy", {"conditions": ("busy",)}, "good", True),
        ("starting", {}, "neutral", False),
        ("idle", {}, "neutral", True),
        ("silent", {}, "warn", False),
        ("degraded", FAILS, "warn", False),
        ("blocked", {}, "bad", False),
        ("frozen", {}, "bad", False),
        ("dead", {}, "bad", False),
        ("stopped", {}, "neutral", False),
    ],
)
def test_a_row_has_the_tone_of_its_state_and_readiness(
    state: str, changes: dict[str, Any], tone: str, ready: bool
) -> None:
    row = row_of(1, snapshot(state=state, **changes), since=0, now=0, watched=True)
    assert (row.tone, row.ready) == (tone, ready)


def test_a_row_names_the_cause_its_place_and_what_fails() -> None:
    cause = CauseReading("blocking-call", "render blocks the loop", "render", "/srv/app.py", 8)
    row = row_of(3, snapshot(causes=(cause,), **FAILS), since=5, now=70_000, watched=True)
    assert (row.id, row.cause, row.place, row.failing) == (3, "render blocks the loop", "app.py:8", ("database",))
    assert row.began == 10_000
    stalls = CauseReading("short-stalls", "render stalls the loop", "render", "/srv/app.py", 8)
    assert row_of(3, snapshot(causes=(stalls,)), since=5, now=70_000, watched=True).cause == ""
    assert row_of(3, snapshot(failing=2), since=5, now=70_000, watched=True).failing == ("post-conditions",)


@rows(
    ("seen", "expected"),
    [
        ([snapshot("1-a")], ("good", "healthy", 1, 1, True, True)),
        ([snapshot("1-a", **FAILS)], ("warn", "healthy", 1, 1, False, True)),
        ([snapshot("1-a"), snapshot("2-b", **FAILS)], ("warn", "healthy", 2, 2, False, True)),
        ([snapshot("1-a"), snapshot("2-b", "blocked")], ("bad", "blocked", 1, 2, False, False)),
        ([snapshot("1-a", "frozen"), snapshot("2-b", "blocked")], ("bad", "frozen", 1, 2, False, False)),
        ([snapshot("1-a"), snapshot("2-b", "dead")], ("good", "healthy", 1, 1, True, True)),
        ([snapshot("2-b", "dead")], ("bad", "dead", 1, 1, False, False)),
        ([snapshot("1-a", "starting")], ("neutral", "starting", 1, 1, False, True)),
    ],
)
def test_one_verdict_on_all(seen: list[Snapshot], expected: tuple[Any, ...]) -> None:
    found = verdict(seen, seen)
    assert (found.tone, found.word, found.count, found.of, found.ready, found.live) == expected


def test_where_nothing_is_watched_any_more_the_last_that_ended_counts() -> None:
    found = verdict([], [snapshot("1-a", "dead")])
    assert (found.tone, found.word, found.ready) == ("bad", "dead", False)
    assert found.lines == ("[-] 1-a failed: dead: because dead",)
