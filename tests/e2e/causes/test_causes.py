"""What is wrong, named with the user's own line, on every Python at hand; and what only looks so is not."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Mapping

import pytest

from support.built import PYTHONS
from support.illnesses import explained
from support.illnesses.explained import why
from support.paths import VICTIMS
from support.waiting import eventually

PROGRAM = VICTIMS / "causes.py"
line_of = partial(explained.line_of, PROGRAM)
PROMISE = {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s"}


def seen_of(
    name: str, python: str, directory: Path, states: tuple[str, ...], settings: Mapping[str, str] = PROMISE
) -> dict[str, Any]:
    """What `why` says of that service once it is in one of these states."""
    with explained.ready([python, str(PROGRAM), name], directory, settings):
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(why(directory))
            return seen["state"] in states and bool(seen["causes"])

        eventually(there, 30.0)
        return seen


CAUSES = [
    ("two-orders", "deadlock", "deadlock", "Desk.ledger"),
    ("holder", "lock-held", "held", "Desk.ledger"),
    ("forgotten-lock", "lock-held", "waits for the ledger", "was taken by acquire(), and not released"),
    ("manager", "lock-held", "held by a manager", "Desk.ledger"),
    ("seats", "pool-exhausted", "waits for a seat", "0 of 2 free"),
    ("nested", "nested-acquire", "once more", "Desk.seats"),
]
DEATHS = [("dies-kept", version) for version in PYTHONS] + [("dies-forgotten", next(iter(PYTHONS)))]
NEWEST, *OLDER = reversed(PYTHONS)


@pytest.mark.parametrize(
    ("name", "word", "comment", "said", "version"),
    # Where Python keeps what a block will leave has changed several times: the shapes differ in nothing else.
    [(*cause, NEWEST) for cause in CAUSES] + [(*CAUSES[0], version) for version in OLDER],
)
def test_a_silent_service_whose_tasks_hold_each_other_up(
    name: str, word: str, comment: str, said: str, version: str, tmp_path: Path
) -> None:
    seen = seen_of(name, PYTHONS[version], tmp_path, ("silent",))
    first = seen["causes"][0]
    assert (first["word"], first["file"], first["line"]) == (word, str(PROGRAM), line_of(comment))
    assert said in first["sentence"]


def test_a_deadlock_needs_no_promise(tmp_path: Path) -> None:
    seen = seen_of("two-orders", sys.executable, tmp_path, ("degraded",), {})
    assert seen["causes"][0]["word"] == "deadlock"
    assert seen["why"] == seen["causes"][0]["sentence"]


def test_a_queue_whose_consumer_died(tmp_path: Path) -> None:
    seen = seen_of("dead-consumer", sys.executable, tmp_path, ("silent",))
    first = seen["causes"][0]
    assert (first["word"], first["line"]) in {(word, line_of("full")) for word in ("queue-full", "consumer-died")}
    assert "Queue Desk.orders" in first["sentence"]
    assert "full, 5 of 5" in first["sentence"]


@pytest.mark.parametrize(("name", "version"), DEATHS)
def test_a_task_that_died_needs_no_promise(name: str, version: str, tmp_path: Path) -> None:
    seen = seen_of(name, PYTHONS[version], tmp_path, ("healthy",), {})
    first = seen["causes"][0]
    assert (first["word"], first["file"], first["line"]) == ("task-died", str(PROGRAM), line_of("died"))
    assert first["sentence"].startswith(
        "delivery (Desk.deliver) ended with ValueError: an order has no price, at causes.py:"
    )
    assert ("its exception has not been retrieved" in first["sentence"]) == (name == "dies-kept")


@pytest.mark.parametrize(("name", "doing"), [("blocks", "is waiting in time.sleep, called"), ("computes", "is busy")])
def test_a_call_that_blocks_the_loop(name: str, doing: str, tmp_path: Path) -> None:
    seen = seen_of(name, sys.executable, tmp_path, ("blocked",))
    first = seen["causes"][0]
    assert (first["word"], first["function"], first["file"]) == ("blocking-call", name, str(PROGRAM))
    assert first["sentence"].startswith(f"the loop's thread {doing} in {name} (causes.py:")
    assert ", called from calls (causes.py:" in first["sentence"]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("busy-seats", NEWEST),
        ("slow-consumer", NEWEST),
        ("fails-and-is-asked", NEWEST),
        *(("one-order", version) for version in PYTHONS),
    ],
)
def test_a_busy_service_has_no_cause_of_anything(name: str, version: str, tmp_path: Path) -> None:
    with explained.ready([PYTHONS[version], str(PROGRAM), name], tmp_path, PROMISE):
        for seen in explained.looks(tmp_path, 5):
            assert (seen["state"], seen["causes"]) == ("healthy", [])


def test_one_of_many_loops_that_is_blocked(tmp_path: Path) -> None:
    seen = seen_of("many-loops", sys.executable, tmp_path, ("blocked",), {"LIFESIGN_HEARTBEAT_TIMEOUT": "1s"})
    assert seen["why"].startswith("1 of 13 event loops has not turned for ")
    first = seen["causes"][0]
    assert (first["word"], first["function"], first["line"]) == ("blocking-call", "blocks", line_of("blocks"))


@pytest.mark.parametrize("name", ["idle", "many-busy-loops"])
def test_a_service_that_waits_for_nothing_of_its_own_has_none_either(name: str, tmp_path: Path) -> None:
    with explained.ready([sys.executable, str(PROGRAM), name], tmp_path, {}):
        assert why(tmp_path)["causes"] == []
