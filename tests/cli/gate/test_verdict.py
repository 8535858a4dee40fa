"""Alive, failed or stalled: a row for each way a boot can go."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from lifesign.cli.gate.verdict import GRACE, Outcome, Seen, judge, with_causes
from lifesign.judge.causes.findings import Cause
from lifesign.watch.telemetry import EventReading, PostconditionReading
from support.made.seen import checkpoint, snapshot
from support.rows import rows

BOOTED = {"boot": "complete", "boot_duration": 1.25}
DIED = {"state": "dead", "alive": False, "why": "uncaught ValueError: no"}
FAILED = {"boot": "failed", "boot_diagnostic": "Post-conditions failed: db: refused"}
LATE = {"boot": "timed_out", "boot_diagnostic": "timed out after 8 s waiting for the first event", "state": "starting"}
TOO_LONG = 8.0 + GRACE


def seen(*processes: dict[str, Any], **changes: Any) -> Seen:
    made = Seen([snapshot(**one) for one in processes], None, None, 1.0, 8.0, by_event=True)
    return made._replace(**changes)


@rows(
    ("what", "verdict", "code", "why"),
    [
        (seen(BOOTED), "alive", 0, "booted in 1.25 s"),
        (seen({}, BOOTED), "alive", 0, "booted in 1.25 s"),
        (seen(BOOTED, code=0), "alive", 0, "booted in 1.25 s"),
        (seen(FAILED), "failed", 1, "Post-conditions failed: db: refused"),
        (seen(BOOTED, FAILED), "failed", 1, "Post-conditions failed: db: refused"),
        (seen(DIED), "failed", 1, "it died before it was alive: uncaught ValueError: no"),
        (seen({**BOOTED, **DIED}), "failed", 1, "it died after its boot: uncaught ValueError: no"),
        (seen(BOOTED, code=3), "failed", 1, "CMD ended with exit code 3 after its boot"),
        (seen({}, code=0), "failed", 1, "CMD ended with exit code 0 before it was alive"),
        (seen(code=-9), "failed", 1, "CMD was killed by SIGKILL before it was alive"),
        (seen(DIED, code=-2, asked=signal.SIGINT), "interrupted", 130, "ended by SIGINT before it was alive"),
        (seen(LATE), "stalled", 2, "timed out after 8 s waiting for the first event; the event loop turns"),
        (
            seen({**LATE, "beat_age": 1.5}),
            "stalled",
            2,
            "timed out after 8 s waiting for the first event; the event loop has not turned for 1.5 s",
        ),
        (
            seen({**LATE, "state": "blocked", "why": "Python still runs"}),
            "stalled",
            2,
            "timed out after 8 s waiting for the first event; blocked: Python still runs",
        ),
        (seen({}, waited=TOO_LONG), "stalled", 2, "not alive after 8 s; the event loop turns"),
        (seen(LATE, {}, waited=TOO_LONG), "stalled", 2, "not alive after 8 s; the event loop turns"),
        (seen(waited=TOO_LONG), "stalled", 2, "no process to watch has appeared within 8 s"),
    ],
)  # fmt: skip
def test_outcome(what: Seen, verdict: str, code: int, why: str) -> None:
    outcome = judge(what)
    assert outcome is not None
    assert (outcome.verdict, outcome.exit_code, outcome.why) == (verdict, code, why)


@rows("what", [seen(), seen({}), seen({}, waited=8.5), seen(LATE, {}), seen(DIED, asked=15)])
def test_open(what: Seen) -> None:
    assert judge(what) is None


def test_what_the_checks_said_is_told() -> None:
    checks = (
        PostconditionReading("db", True, True, ""),
        PostconditionReading("cache", False, False, "cold"),
    )
    outcome = judge(seen({**BOOTED, "postconditions": checks}))
    assert outcome is not None
    assert outcome.why == "booted in 1.25 s, 1 of 2 post-conditions hold; warning: cache: cold"


@pytest.mark.parametrize(("real", "said"), [(0, "booted in 1.25 s by synthetic events"), (1, "booted in 1.25 s")])
def test_a_proof_of_life_that_was_synthetic_is_told_as_that(real: int, said: str) -> None:
    outcome = judge(seen({**BOOTED, "events": (EventReading("order", real, 3, 0.1, None),)}))
    assert outcome is not None
    assert outcome.why == said


def test_a_gate_that_waited_in_vain_says_how_to_promise() -> None:
    hints = [judge(seen(LATE, by_event=by_event)) for by_event in (True, False)]
    assert hints[0] is not None
    assert "lifesign.event(" in hints[0].hint
    assert "--until tcp:PORT" in hints[0].hint
    assert hints[1] is not None
    assert "--timeout" in hints[1].hint


def test_where_a_checkpoint_alone_is_missing_nobody_is_told_to_count_events() -> None:
    late = {**LATE, "boot_missing": ("cache warm",), "events": (EventReading("order", 3, 0, 0.1, None),)}
    outcome = judge(seen(late, by_event=True))
    assert outcome is not None
    assert 'lifesign.checkpoint("cache warm")' in outcome.hint
    assert "lifesign.event" not in outcome.hint


@rows(
    ("word", "blocked", "hint"),
    [
        ("blocking-call", True, "asyncio.to_thread"),
        ("deadlock", False, ""),
        ("task-died", False, "lifesign.event("),
        ("task-died", True, "lifesign.event("),
    ],
)
def test_a_stall_ends_in_its_cause_and_in_what_helps_against_that_one(word: str, blocked: bool, hint: str) -> None:
    outcome = judge(seen(LATE))
    assert outcome is not None
    ended = with_causes(outcome, [Cause(word, "it waits in f (a.py:3)"), Cause("deadlock", "another")], blocked=blocked)
    assert ended.why == f"{outcome.why}; it waits in f (a.py:3)"
    assert (hint in ended.hint, bool(ended.hint)) == (True, bool(hint))


def test_a_stall_without_a_cause_stays_as_it_was() -> None:
    outcome = Outcome("stalled", 2, "the event loop turns", None, "an event")
    assert with_causes(outcome, [], blocked=True) == outcome


@rows(
    ("checkpoints", "name"),
    [
        ((), None),
        ((checkpoint("started", 0, 1), checkpoint("timed out", 1, 7)), "started"),
        ((checkpoint("started", 0, 1), checkpoint("broker", 1, None), checkpoint("config", 2, 3)), "broker"),
        ((checkpoint("post-conditions", 0, 1), checkpoint("complete", 1, 0)), "post-conditions"),
    ],
)
def test_where_a_boot_stands(checkpoints: tuple[Any, ...], name: str | None) -> None:
    reached = snapshot(checkpoints=checkpoints).stopped_at()
    assert (reached.name if reached is not None else None) == name
