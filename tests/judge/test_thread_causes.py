"""Each cause that lies with threads by what was found of it, and beside it one that looks like it and has it not."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Dump, Findings
from support.rows import rows

SHOP = "/srv/shop/service.py"
LIBRARY = "/usr/lib/python3.11/threading.py"
EXECUTOR = "/usr/lib/python3.11/concurrent/futures/thread.py"


def at(function: str, line: int, file: str = SHOP) -> dict[str, Any]:
    return {"function": function, "file": file, "line": line}


def wait(thread: str, kind: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A thread that waits for something that nobody is known to keep."""
    nobody = {"holder": None, "task": "", "verb": "", "certain": False, "place": None}
    step = {"thread": thread, "loop": thread == "MainThread", "type": kind, "name": name, "state": "", "how": "acquire"}
    return {**step, "clock": False, "at": at("tick", 14), **nobody, **more}


def held(by: str, function: str, line: int, *, verb: str = "holds", certain: bool = True) -> dict[str, Any]:
    return {"holder": by, "verb": verb, "certain": certain, "place": at(function, line)}


def found(state: str, *, chain: Any = (), ring: bool = False, rings: Any = (), **dump: Any) -> list[Cause]:
    stack = [at("main", 30), at("tick", 14), at("Handler.acquire", 900, LIBRARY)]
    stall: Any = {"stack": stack, "busy": False, "chain": list(chain), "ring": ring}
    summary: Any = {"rings": [], "finished": [], "still": None, "end": 1, "thread_rings": list(rings)}
    return causes(Findings(state, Dump(summary, **dump), (stall,) if state == "blocked" else ()))


def test_the_lock_that_a_blocked_loop_waits_for_and_the_thread_that_holds_it() -> None:
    chain = [wait("MainThread", "threading.RLock", "StreamHandler.lock", **held("transcriber", "transcribe", 11))]
    (cause,) = found("blocked", chain=chain)
    assert (cause.word, cause.place) == ("thread-lock", at("tick", 14))
    assert cause.sentence == (
        "the loop's thread waits in tick (service.py:14) for the threading.RLock StreamHandler.lock, which thread "
        "transcriber holds; that one is in transcribe (service.py:11)"
    )


def test_who_is_only_likely_to_hold_a_lock_is_said_to_be() -> None:
    chain = [wait("MainThread", "threading.Lock", "LOCK", **held("clerk", "keep", 5, certain=False))]
    (cause,) = found("blocked", chain=chain)
    assert "which thread clerk probably holds; that one is in keep (service.py:5)" in cause.sentence


def test_a_module_that_another_thread_imports() -> None:
    chain = [wait("MainThread", "import lock", "pandas", **held("loader", "load", 11))]
    (cause,) = found("blocked", chain=chain)
    assert cause.word == "thread-lock"
    assert cause.sentence == (
        "the loop's thread waits in tick (service.py:14) for the import lock of pandas, which thread loader holds; "
        "that one is in load (service.py:11)"
    )


def test_a_lock_that_the_thread_holds_itself() -> None:
    own = held("MainThread", "tick", 14, certain=False)
    (cause,) = found("blocked", chain=[wait("MainThread", "threading.Lock", "LOCK", **own)])
    assert cause.sentence.endswith("LOCK, which it probably holds itself: a threading.Lock is not reentrant")
    assert cause.evidence == (
        "it is in tick (service.py:14), in Handler.acquire (threading.py:900), called from main (service.py:30)",
    )
    namesake = held("MainThread", "keep", 5, certain=False)
    (other,) = found("blocked", chain=[wait("MainThread", "threading.Lock", "LOCK", **namesake)])
    assert "which thread MainThread probably holds; that one is in keep" in other.sentence


def test_a_lock_whose_holder_is_not_known() -> None:
    (cause,) = found("blocked", chain=[wait("MainThread", "threading.Lock", "LOCK")])
    assert (cause.word, cause.sentence.rpartition("; ")[2]) == ("thread-lock", "who holds it cannot be seen")


def test_what_the_holder_waits_for_in_turn_is_the_evidence() -> None:
    first = wait("MainThread", "threading.RLock", "A", **held("clerk", "keep", 5))
    (cause,) = found("blocked", chain=[first, wait("clerk", "queue.Queue", "Q", state="empty", how="get")])
    assert cause.evidence == ("thread clerk waits in tick (service.py:14) for an item of the queue.Queue Q (empty)",)


def test_a_loop_that_waits_for_a_job_is_in_a_call_that_blocks() -> None:
    job = held("rows_0", "load", 5, verb="runs")
    (cause,) = found("blocked", chain=[wait("MainThread", "future", state="running", how="result", **job)])
    assert cause.word == "blocking-call"
    assert cause.sentence.endswith(
        "for the result of a future (running), which thread rows_0 runs; that one is in load (service.py:5)"
    )


def test_a_loop_that_waits_for_its_own_coroutine() -> None:
    step = wait("MainThread", "future", how="result", **held("MainThread", "tick", 14, verb="loop"))
    (cause,) = found("blocked", chain=[step], ring=True)
    assert (cause.word, cause.place) == ("self-wait", at("tick", 14))
    assert cause.sentence.endswith("for the result of a future, which only its own event loop can bring")


def test_a_lock_that_a_task_of_the_same_loop_holds() -> None:
    step = wait("MainThread", "threading.Lock", "LOCK", **{**held("MainThread", "tick", 14), "task": "holding"})
    (cause,) = found("blocked", chain=[step], ring=True)
    assert cause.word == "self-wait"
    assert cause.sentence.endswith("which task holding of the same event loop holds while it awaits")


RING = [
    wait("first", "threading.RLock", "A", **held("second", "other", 9)),
    wait("second", "threading.RLock", "B", **held("first", "one", 7)),
]


@pytest.mark.parametrize("state", ["healthy", "silent", "degraded"])
def test_threads_in_a_ring_are_a_deadlock_whatever_the_state(state: str) -> None:
    (cause,) = found(state, rings=[RING])
    assert (cause.word, cause.place) == ("deadlock", at("tick", 14))
    assert cause.sentence.startswith("deadlock: thread first waits in tick (service.py:14) for the threading.RLock A")
    assert len(cause.evidence) == 1


def test_a_ring_begins_with_the_event_loop_and_is_said_once() -> None:
    ring = [
        wait("worker", "future", how="result", **held("MainThread", "tick", 14, verb="loop")),
        wait("MainThread", "threading.RLock", "A", **held("worker", "work", 7)),
    ]
    (cause,) = found("blocked", rings=[ring], chain=ring[::-1], ring=True)
    assert cause.sentence.startswith("deadlock: the event loop's thread MainThread waits")


def test_a_process_that_ended_is_in_no_deadlock() -> None:
    assert found("stopped", rings=[RING]) == []


def executor(**figures: Any) -> dict[str, Any]:
    made = {"index": 0, "type": "ThreadPoolExecutor", "name": "asyncio", "default": True, "groups": []}
    return {**made, "busy": 3, "most": 3, "queued": 5, **figures}


LOADING = {
    "index": 0, "loop": False, "names": ["rows_0"], "wait": None,
    "stack": [at("_worker", 90, LIBRARY), at("load", 20), at("read", 3, LIBRARY)],
}  # fmt: skip
HANDLING = {
    "index": 0, "count": 8, "waits_for": "a job in an executor", "stack": [at("handle", 30)],
    "waited_most": None, "waited_least": None, "time_left": None, "keeps_the_loop": False,
}  # fmt: skip


def test_an_executor_without_a_free_thread_and_who_waits_for_one() -> None:
    full = executor(groups=[{"group": 0, "count": 3}])
    (cause,) = found("silent", groups=(HANDLING,), threads=(LOADING,), executors=(full,))
    assert (cause.word, cause.place) == ("executor-full", at("load", 20))
    assert cause.sentence == (
        "the default executor: 3 of 3 threads busy, 5 jobs wait: 3 in load (service.py:20);"
        " 8 x handle wait (service.py:30) for a job of it"
    )


def test_a_coroutine_that_was_handed_to_a_loop_which_has_stopped() -> None:
    handed = "a coroutine handed to an event loop that has stopped"
    asks = {**LOADING, "wait": wait("rows_0", "future", state="not begun: its event loop has stopped", how="result")}
    awaits, jobless = {**HANDLING, "waits_for": handed}, {**LOADING, "wait": None}
    said = [
        f"8 x handle wait (service.py:30) for {handed}",
        f"thread rows_0 waits in tick (service.py:14) for {handed}",
    ]
    causes_ = found("silent", groups=(awaits,), threads=(asks, jobless))
    assert [(one.word, one.sentence) for one in causes_] == [("loop-ended", sentence) for sentence in said]
    assert [one.place for one in causes_] == [at("handle", 30), at("tick", 14)]
    asks["wait"] = {**asks["wait"], "at": None}
    assert found("silent", threads=(asks,))[0].sentence == f"thread rows_0 waits for {handed}"
    asks["wait"] = {**asks["wait"], "clock": True}
    assert found("silent", threads=(asks,)) == []
    assert found("healthy", groups=(awaits,), threads=(asks,)) == []


def test_jobs_that_wait_for_jobs_that_are_not_begun() -> None:
    nested = {**LOADING, "wait": wait("rows_0", "future", state="not begun", how="result")}
    full = executor(groups=[{"group": 0, "count": 3}])
    (cause,) = found("silent", threads=(nested,), executors=(full,))
    assert cause.evidence == ("3 of its threads wait for the result of a future (not begun)",)


@pytest.mark.parametrize("figures", [{"queued": 0}, {"busy": 2}, {"busy": 0, "most": 0}])
def test_an_executor_that_has_room_is_no_cause(figures: dict[str, int]) -> None:
    assert found("silent", executors=(executor(**figures),)) == []


@rows(
    ("state", "more", "is_said"),
    [
        ("silent", {}, True),
        ("healthy", {}, False),
        ("silent", {"waited_most": 4.0}, False),
        ("silent", {"stack": [at("submit", 5, LIBRARY)]}, False),
    ],
)
def test_a_job_that_does_not_end(state: str, more: Any, is_said: bool) -> None:
    has_room = executor(most=8, queued=0, groups=[{"group": 0, "count": 3}])
    waits = {**HANDLING, "waited_most": 30.0, **more}
    found_ = [one.sentence for one in found(state, groups=(waits,), threads=(LOADING,), executors=(has_room,))]
    said = (
        "probably a job does not end: the default executor: 3 of 8 threads busy, 3 in load (service.py:20);"
        " 8 x handle wait (service.py:30, for 0 to 30 s) for a job of it"
    )
    assert found_ == ([said] if is_said else [])


def test_what_a_job_that_does_not_end_waits_for_in_turn() -> None:
    asks = {**LOADING, "wait": wait("rows_0", "future", state="not begun", how="result")}
    has_room = executor(most=8, queued=0, busy=1, groups=[{"group": 0, "count": 1}])
    waits = {**HANDLING, "waited_most": 30.0}
    (cause,) = found("silent", groups=(waits,), threads=(asks,), executors=(has_room,))
    assert cause.evidence == ("1 of its threads waits for the result of a future (not begun)",)
    in_processes = {**has_room, "workers": ["pid 42 waits", "pid 43 waits"], "groups": []}
    (cause,) = found("silent", groups=(waits,), executors=(in_processes,))
    assert cause.evidence == ("its processes: pid 42 waits, pid 43 waits",)
    opens = {**LOADING, "call": "opens a file", "stack": [at("_WorkItem.run", 58, EXECUTOR), at("open", 3, LIBRARY)]}
    (cause,) = found("silent", groups=(waits,), threads=(opens,), executors=(has_room,))
    assert cause.evidence == ("1 of its threads is in a call that opens a file",)
    assert "1 in open (threading.py:3)" in cause.sentence
    in_c = {**opens, "call": "", "stack": opens["stack"][:1]}
    (cause,) = found("silent", groups=(waits,), threads=(in_c,), executors=(has_room,))
    assert (cause.evidence, "1 in _WorkItem.run (thread.py:58)" in cause.sentence) == ((), True)
    (cause,) = found("silent", groups=(waits,), threads=({**in_c, "job": "time.sleep"},), executors=(has_room,))
    assert (cause.place, "threads busy, 1 in time.sleep;" in cause.sentence) == (None, True)


def test_a_full_executor_of_a_service_that_is_well_is_no_cause() -> None:
    assert found("healthy", executors=(executor(),)) == []


def test_a_loop_that_waits_for_the_end_of_a_thread() -> None:
    chain = [wait("MainThread", "thread", "worker-1", how="join", **held("worker-1", "work", 5, verb="is"))]
    (cause,) = found("blocked", chain=chain)
    assert "the end of thread worker-1" in cause.sentence
