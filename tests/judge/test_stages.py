"""Causes of a boot that does not end and of an end that does not come, and what only looks so."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Asked, Dump, Findings
from support.rows import rows

S = 1_000_000_000
LIBRARY = {"function": "Event.wait", "file": "/usr/lib/python3.11/asyncio/locks.py", "line": 213}


def group(index: int, function: str, line: int, *, name: str = "Task-2", **changes: Any) -> dict[str, Any]:
    return {
        "index": index, "count": 1, "stack": [{"function": function, "file": "/srv/app.py", "line": line}, LIBRARY],
        "names": [name], "states": {"waiting": 1}, "waits_for": "an Event", "awaits": [], "waited_most": None,
        "waited_least": None, "time_left": None, "keeps_the_loop": False, "cancelled": "", **changes,
    }  # fmt: skip


def found(state: str, *groups: Any, asked: Asked | None = None, boot: str = "", **summary: Any) -> dict[str, Any]:
    whole: Any = {"rings": [], "thread_rings": [], "finished": [], "still": None, "tasks": len(groups), "end": 90 * S}
    dump = Dump({**whole, **summary}, groups, summary.pop("primitives", ()), summary.pop("threads", ()))
    made = causes(Findings(state, dump, wall=100 * S, boot=boot, asked=asked))
    return {cause.word: (cause.sentence, cause.place and cause.place["line"]) for cause in made}


MAIN = group(0, "main", 5, name="Task-1", keeps_the_loop=True, awaits=[{"group": 1, "count": 1}])
LONG_AGO = Asked("SIGTERM", 88 * S, 12 * S)


@rows(
    ("groups", "said", "line"),
    [
        (
            [MAIN, group(1, "poll", 9, name="poller", cancelled="swallowed")],
            "SIGTERM 12 s ago: poller swallowed CancelledError and goes on at poll (app.py:9)",
            9,
        ),
        (
            [MAIN, group(1, "flush", 9, cancelled="cleanup")],
            "SIGTERM 12 s ago: flush [Task-2] was cancelled and cleans up at flush (app.py:9)",
            9,
        ),
        (
            [MAIN, group(1, "drain", 9, waited_most=3.0), group(2, "send", 20, name="sender", waited_most=40.0)],
            "SIGTERM 12 s ago: 3 tasks are left, sender waits at send (app.py:20)",
            20,
        ),
        ([], "SIGTERM 12 s ago: no task is left: a thread or an exit handler keeps it", None),
    ],
)
def test_an_end_that_does_not_come(groups: Any, said: str, line: int | None) -> None:
    assert found("healthy", *groups, asked=LONG_AGO)["shutdown-hangs"] == (said, line)


def test_one_that_was_killed() -> None:
    groups = [MAIN, group(1, "poll", 9, name="poller", cancelled="swallowed")]
    assert found("dead", *groups, asked=LONG_AGO) == {
        "shutdown-hangs": (
            "its shutdown had not ended: poller swallowed CancelledError and goes on at poll (app.py:9)", 9,
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        None,
        Asked("SIGTERM", 97 * S, 3 * S),  # it takes its time
        Asked("SIGTERM", 91 * S, 9 * S),  # the dump is of before
    ],
)
def test_an_end_that_may_still_come(asked: Asked | None) -> None:
    assert found("healthy", MAIN, group(1, "poll", 9, cancelled="swallowed"), asked=asked) == {}


def test_one_that_came() -> None:
    assert found("stopped", MAIN, asked=LONG_AGO) == {}


def test_a_boot_that_timed_out_is_where_the_one_that_is_awaited_is() -> None:
    worker = group(2, "work", 30, name="Task-9", waited_most=7.0)
    connects = group(1, "connect", 12, waited_most=8.2, waited_least=8.2)
    assert found("silent", worker, MAIN, connects, boot="timed_out") == {
        "boot-waits": ("the boot has not ended: 1 x connect waits (app.py:12, for 8 s) for an Event", 12)
    }


def test_a_task_that_swallowed_its_cancellation_and_whom_it_keeps() -> None:
    goes_on = group(1, "poll", 9, cancelled="swallowed")
    said = (
        "probably poll [Task-2] does not end: it swallowed CancelledError and goes on at poll (app.py:9);"
        " 1 x main waits (app.py:5) for it"
    )
    assert found("silent", MAIN, goes_on)["cancel-swallowed"] == (said, 9)
    assert found("healthy", MAIN, goes_on) == {}
    assert found("silent", MAIN, group(1, "poll", 9)) == {}
    assert found("silent", {**MAIN, "awaits": []}, goes_on) == {}


def test_where_a_boot_waits_is_no_news_beside_the_reason() -> None:
    connects = group(1, "connect", 12)
    wait: Any = {
        "index": 0, "type": "Lock", "name": "DB.lock", "state": "locked", "how": "acquire", "place": None,
        "waiting": [{"group": 1, "count": 1}], "holders": [], "held": 1,
    }  # fmt: skip
    assert list(found("silent", MAIN, connects, boot="timed_out", primitives=(wait,))) == ["lock-held"]


def test_one_in_a_server_of_somebody_elses() -> None:
    serve = {**MAIN, "stack": [LIBRARY]}
    lifespan = group(1, "startup", 12)
    assert found("degraded", serve, group(2, "work", 30, name="Task-9"), lifespan, boot="timed_out")["boot-waits"] == (
        "the boot has not ended: 1 x startup waits (app.py:12) for an Event", 12,
    )  # fmt: skip


@pytest.mark.parametrize(("state", "boot"), [("healthy", "timed_out"), ("silent", "complete"), ("degraded", "failed")])
def test_one_that_has_recovered_or_did_not_time_out(state: str, boot: str) -> None:
    assert found(state, MAIN, group(1, "connect", 12), boot=boot) == {}


def test_an_end_that_a_thread_keeps() -> None:
    threads: Any = (
        {"stack": [LIBRARY], "names": ["waits"]},
        {"stack": [{"function": "flush", "file": "/srv/app.py", "line": 7}, LIBRARY], "names": ["flusher"]},
    )
    said = "SIGTERM 12 s ago: no task is left; flusher is in flush (app.py:7)"
    assert found("healthy", asked=LONG_AGO, threads=threads)["shutdown-hangs"] == (said, 7)


def test_a_boot_without_a_task_of_the_users_waits_nowhere() -> None:
    assert "boot-waits" not in found("silent", boot="timed_out")
