"""Causes of a boot that does not end and of an end that does not come, and what only looks so."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Asked, Dump, Exiting, Findings
from lifesign.wire import layout
from support.rows import rows

S = 1_000_000_000
LIBRARY = {"function": "Event.wait", "file": "/usr/lib/python3.11/asyncio/locks.py", "line": 213}


def group(index: int, function: str, line: int, *, name: str = "Task-2", **changes: Any) -> dict[str, Any]:
    return {
        "index": index, "count": 1, "stack": [{"function": function, "file": "/srv/app.py", "line": line}, LIBRARY],
        "names": [name], "states": {"waiting": 1}, "waits_for": "an Event", "awaits": [], "waited_most": None,
        "waited_least": None, "time_left": None, "keeps_the_loop": False, "cancelled": "", **changes,
    }  # fmt: skip


def thread(name: str, function: str, line: int, **changes: Any) -> dict[str, Any]:
    stack = [{"function": function, "file": "/srv/app.py", "line": line}, LIBRARY]
    return {"names": [name], "loop": False, "daemon": False, "stack": stack, **changes}


def found(
    state: str,
    *groups: Any,
    asked: Asked | None = None,
    exiting: Exiting | None = None,
    boot: str = "",
    threads: Any = (),
    **summary: Any,
) -> dict[str, Any]:
    whole: Any = {"rings": [], "thread_rings": [], "finished": [], "still": None, "tasks": len(groups), "end": 90 * S}
    dump = Dump({**whole, **summary}, groups, summary.pop("primitives", ()), threads)
    made = causes(Findings(state, dump, wall=100 * S, boot=boot, asked=asked, exiting=exiting))
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
        {"stack": [LIBRARY], "names": ["waits"], "loop": False},
        thread("logs", "write", 3, daemon=True),
        {"stack": [{"function": "flush", "file": "/srv/app.py", "line": 7}], "names": ["flusher"], "loop": False},
    )
    said = "SIGTERM 12 s ago: no task is left; flusher is in flush (app.py:7)"
    assert found("healthy", asked=LONG_AGO, threads=threads)["shutdown-hangs"] == (said, 7)


def test_an_end_that_a_job_keeps_which_is_in_no_code_of_the_users() -> None:
    runs = {"function": "_WorkItem.run", "file": "/usr/lib/python3.12/concurrent/futures/thread.py", "line": 59}
    gets = {"function": "Queue.get", "file": "/usr/lib/python3.12/queue.py", "line": 171}
    threads: Any = (
        {"stack": [runs], "names": ["idle"], "loop": False},
        {"stack": [runs, gets, LIBRARY], "names": ["asyncio_0"], "loop": False},
    )
    said = "SIGTERM 12 s ago: no task is left; asyncio_0 is in Queue.get (queue.py:171)"
    assert found("healthy", asked=LONG_AGO, threads=threads)["shutdown-hangs"] == (said, 171)
    in_c: Any = ({"stack": [runs], "names": ["asyncio_0"], "loop": False, "job": "time.sleep"},)
    said = "SIGTERM 12 s ago: no task is left; asyncio_0 is in time.sleep"
    assert found("healthy", asked=LONG_AGO, threads=in_c)["shutdown-hangs"] == (said, None)


def test_a_boot_without_a_task_of_the_users_waits_nowhere() -> None:
    assert "boot-waits" not in found("silent", boot="timed_out")


CLOSING = Exiting(layout.ENDING_LOOP, 80 * S, 20 * S)
OVER = Exiting(layout.ENDING_PROGRAM, 80 * S, 20 * S)
LOOPS = thread("MainThread", "<module>", 40, loop=True)
DAEMON = thread("logs", "write", 3, daemon=True)
WORKER = thread("worker", "work", 12)
ERROR = {"type": "ValueError", "message": "no price", "place": WORKER["stack"][0], "collected": False}
IS_IN_WORK = "is in work (app.py:12)"
AFTER = ", after ValueError: no price, raised in work (app.py:12)"


@rows(
    ("exiting", "groups", "threads", "said", "line"),
    [
        (
            CLOSING,
            [group(0, "poll", 9, name="p", cancelled="swallowed")],
            [LOOPS, DAEMON, WORKER],
            "asyncio.run() has cancelled all tasks 20 s ago: p swallowed CancelledError and goes on at poll (app.py:9)",
            9,
        ),
        (
            CLOSING._replace(at=0, ago=0),
            [],
            [{**LOOPS, "error": ERROR}, DAEMON, {**WORKER, "error": {**ERROR, "type": "KeyError"}}],
            f"asyncio.run() has cancelled all tasks{AFTER}: no task is left; worker is in work (app.py:12)",
            12,
        ),
        (
            OVER,
            [],
            [{**LOOPS, "loop": False, "stack": [], "error": ERROR}, WORKER],
            f"the main thread has ended 20 s ago{AFTER}, and Python waits for the thread worker, which {IS_IN_WORK}",
            12,
        ),
        (
            OVER,
            [],
            [DAEMON, WORKER],
            "the main thread has ended 20 s ago, and Python waits for the thread worker, which is in work (app.py:12)",
            12,
        ),
        (
            OVER,
            [],
            [DAEMON, thread("MainThread", "save", 7)],
            "the program has ended 20 s ago, and Python waits for an exit handler, which is in save (app.py:7)",
            7,
        ),
    ],
)
def test_a_program_that_has_come_to_its_end(exiting: Exiting, groups: Any, threads: Any, said: str, line: int) -> None:
    for state in ("idle", "healthy"):
        assert found(state, *groups, threads=threads, exiting=exiting) == {"exit-waits": (said, line)}


@pytest.mark.parametrize(
    ("state", "exiting", "asked", "threads"),
    [
        ("idle", None, None, [WORKER]),  # its loop has ended, and it goes on
        ("idle", OVER._replace(at=95 * S), None, [WORKER]),  # the dump is of before
        ("dead", OVER, None, [WORKER]),
        ("idle", OVER, None, [DAEMON]),  # Python does not wait for that one
        ("idle", OVER, None, []),
        ("idle", OVER, Asked("SIGTERM", 97 * S, 3 * S), [WORKER]),  # somebody asked for it, and it takes its time
    ],
)
def test_one_of_which_nothing_can_be_said(
    state: str, exiting: Exiting | None, asked: Asked | None, threads: Any
) -> None:
    assert found(state, threads=threads, exiting=exiting, asked=asked) == {}
