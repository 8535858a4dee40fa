"""What was lost or raised where no task waits for it, each beside one that is no cause."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Dump, Exiting, Findings
from support.rows import rows

SHOP = "/srv/shop/service.py"
NOW = 1_000_000_000_000
TOO_MANY = {"type": "OSError", "message": "[Errno 24] Too many open files", "stack": ""}
NO_PRICE = {"type": "ValueError", "message": "no price", "stack": ""}
AT = {"function": "Ticker.tick", "file": SHOP, "line": 9}


def complaint(text: str, error: Any = None, place: Any = None, count: int = 1, ago: float = 12.0) -> Any:
    return {
        "text": text, "task": "", "function": "", "place": place, "error": error, "count": count,
        "at": NOW - round(ago * 1e9),
    }  # fmt: skip


def found(state: str, *complaints: Any) -> list[Cause]:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": NOW}
    return causes(Findings(state, Dump(summary), complaints=complaints, wall=NOW))


CALLBACKS = [
    "Exception in callback Ticker.tick",
    "Fatal error: protocol.data_received() call failed.",
    "Unhandled exception in client_connected_cb",
]


@rows("text", CALLBACKS)
def test_what_a_callback_raised_is_said_in_any_state(text: str) -> None:
    ill = complaint(text, NO_PRICE, AT, count=3)
    sentence = f"{text.rstrip('.')}: ValueError: no price at service.py:9, 12 s ago, 3 times so far"
    for state in ("silent", "healthy"):
        assert found(state, ill) == [Cause("callback-died", sentence, AT)]
    assert found("dead", ill) == []
    dropped = complaint("coroutine 'save' was never awaited")
    assert [cause.word for cause in (*found("silent", dropped), *found("healthy", dropped))] == ["never-awaited"]


def test_a_client_that_has_left_is_no_illness_of_the_server() -> None:
    for kind in ("asyncio.exceptions.IncompleteReadError", "ConnectionResetError", "BrokenPipeError"):
        gone = complaint(CALLBACKS[2], {"type": kind, "message": "0 bytes read", "stack": ""}, AT)
        assert found("healthy", gone) == []
        assert [cause.word for cause in found("silent", gone)] == ["callback-died"]


def test_connections_that_cannot_be_accepted_are_said_in_any_state() -> None:
    refused = complaint("socket.accept() out of system resource", TOO_MANY, count=40)
    sentence = "connections are not accepted: OSError: [Errno 24] Too many open files, 12 s ago, 40 times so far"
    assert found("healthy", refused) == [Cause("accept-fails", sentence)]
    assert found("silent", refused) == [Cause("accept-fails", sentence)]
    assert found("healthy", complaint("socket.accept() out of system resource", TOO_MANY, ago=301.0)) == []
    assert found("dead", refused) == []


def test_files_of_which_nearly_as_many_are_open_as_may_be() -> None:
    kinds = [("connections to the server at port 5432", 950, 930), ("files", 20, 0), ("event polls", 1, 0)]
    files = {"open": 1000, "most": 1024, "kinds": [{"kind": k, "count": n, "closed": c} for k, n, c in kinds]}
    summary: Any = {"rings": [], "finished": [], "still": None, "end": NOW, "files": files}
    said = "1000 of 1024 files that may be open are"
    of_them = "950 connections to the server at port 5432 (930 closed by the other end, and not here), 20 files"
    for state in ("healthy", "silent"):
        assert causes(Findings(state, Dump(summary))) == [Cause("open-files", f"{said}: {of_them}")]
    assert causes(Findings("dead", Dump(summary))) == []
    assert causes(Findings("healthy", Dump({**summary, "files": {**files, "kinds": []}}))) == [
        Cause("open-files", said)
    ]
    assert causes(Findings("healthy", Dump({**summary, "files": None}))) == []


def waits(file: str, **error: Any) -> Any:
    kept = {
        "type": "ValueError",
        "message": "no price",
        "place": {**AT, "function": "work"},
        "collected": False,
        **error,
    }
    return {
        "index": 0, "count": 1, "awaits": [], "states": {"waiting": 1}, "errors": [kept], "waits_for": "Event",
        "waited_most": 19.0, "waited_least": 19.0, "time_left": None, "keeps_the_loop": True,
        "stack": [{"function": "main", "file": file, "line": 15}],
    }  # fmt: skip


WAITS = "1 x main waits (service.py:15, for 19 s)"
HIDDEN = [
    ({}, f"after ValueError: no price, raised in work (service.py:9), {WAITS}"),
    ({"message": "", "place": None}, f"after ValueError, {WAITS}"),
    (
        {"collected": True},
        f"ValueError: no price, raised in work (service.py:9), is kept while {WAITS} for the others",
    ),
]


@rows("error, sentence", HIDDEN)
def test_an_error_that_nobody_has_reported(error: Any, sentence: str) -> None:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": NOW}
    (cause,) = causes(Findings("silent", Dump(summary, (waits(SHOP, **error),))))
    assert (cause.word, cause.sentence) == ("hidden-error", sentence)
    assert causes(Findings("healthy", Dump(summary, (waits(SHOP, **error),)))) == []
    assert causes(Findings("silent", Dump(summary, (waits("/usr/lib/python3.12/asyncio/locks.py", **error),)))) == []


JOBS = [
    ({"handed": "executor", "task": "mail_0"}, "the job send in thread mail_0 ended with ValueError: no price"),
    ({"handed": "executor", "task": "", "function": ""}, "a job ended with ValueError: no price"),
    ({"handed": "loop", "task": ""}, "send, run for a thread, ended with ValueError: no price"),
    ({"handed": "loop", "task": "", "function": ""}, "a coroutine, run for a thread, ended with ValueError: no price"),
]


@rows("job, said", JOBS)
def test_a_job_that_failed_and_whose_future_nobody_has(job: Any, said: str) -> None:
    one: Any = {"kind": "task_died", "function": "send", "referenced": False, "count": 2, "at": NOW - 9_000_000_000}
    failed = {**one, "place": None, "error": {"type": "ValueError", "message": "no price"}, **job}
    (cause,) = causes(Findings("healthy", wall=NOW, deaths=(failed,)))
    kept = "; nobody has kept its future, which alone has the exception"
    assert (cause.word, cause.sentence) == ("task-died", f"{said}, 9 s ago, 2 times so far{kept}")


def ended(**more: Any) -> Any:
    known = {"kind": "task_ended", "task": "Task-2", "function": "consume", "outcome": "returned", "lived": 7200.0}
    return {**known, "count": 1, "at": NOW - 20_000_000_000, **more}


def test_a_task_that_is_gone_and_whose_work_nobody_does() -> None:
    summary: Any = {"rings": [], "finished": [], "still": None, "end": NOW, "tasks": 0}
    seen = Findings("silent", Dump(summary), wall=NOW, ended=(ended(), ended(task="reader", outcome="was cancelled")))
    assert [cause.sentence for cause in causes(seen)] == [
        "probably because consume returned 20 s ago, after 2 h, and no task does its work now",
        "probably because reader (consume) was cancelled 20 s ago, after 2 h, and no task does its work now",
    ]
    again: Any = {**waits(SHOP), "errors": [], "stack": [{"function": "consume", "file": SHOP, "line": 4}]}
    assert causes(seen._replace(dump=Dump(summary, (again,)))) == []
    assert causes(seen._replace(state="healthy")) == []
    assert [cause.word for cause in causes(seen._replace(exiting=Exiting(1, 0, 0)))] == ["exit-waits"]
