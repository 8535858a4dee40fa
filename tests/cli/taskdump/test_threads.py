"""The threads below a task dump: who they are, where they stand, what they wait for, and the executors."""

from __future__ import annotations

from typing import Any

from lifesign.cli.query.request import Answer
from lifesign.judge.causes.findings import Dump
from support.made.dumps import answer, frame, group, piped

PYTHON = "/usr/lib/python3.11/threading.py"
LOCK = {
    "thread": "MainThread", "loop": True, "type": "threading.Lock", "name": "Desk.stock", "state": "", "how": "acquire",
    "clock": False, "at": frame("tick", 61), "holder": "clerk", "task": "", "verb": "holds", "certain": False,
    "place": frame("Desk.count", 32),
}  # fmt: skip


def standing(index: int, names: list[str], *stack: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"kind": "thread_group", "dump": "d", "index": index, "count": len(names), "names": names, "at": 0}
    return {**made, "loop": False, "wait": None, "stack": list(stack), **more}


def shown(*threads: Any, executors: Any = (), stalls: Any = ()) -> list[str]:
    made = answer(group(0, 1, "main"), threads=sum(one["count"] for one in threads))
    whole = Dump(made.dump, tuple(made.groups), (), threads, executors)
    return piped(Answer(made.dump, made.groups, whole, stalls))


def test_the_frames_that_every_thread_begins_with_are_a_line() -> None:
    lines = shown(standing(0, ["clerk"], frame("Thread._bootstrap", 9, PYTHON), frame("Desk.count", 32)))
    at = lines.index("1 thread")
    assert lines[at + 1 :] == [
        "",
        "1 x Desk.count  clerk",
        "    ... 1 frame of libraries: Thread._bootstrap (threading.py:9)",
        '    File "/nowhere/shop.py", line 32, in Desk.count',
    ]


def test_how_many_threads_were_looked_at_where_that_is_not_all() -> None:
    made = answer(group(0, 1, "main"), threads=771, threads_looked=500)
    polls: Any = (standing(0, ["a"], frame("poll", 9)),)
    lines = piped(Answer(made.dump, made.groups, Dump(made.dump, tuple(made.groups), (), polls), ()))
    assert "771 threads, of which 500 were looked at" in lines


def test_what_a_thread_waits_for_and_who_probably_has_it() -> None:
    lines = shown(standing(0, ["MainThread"], frame("tick", 61), loop=True, wait=LOCK))
    assert "    runs an event loop" in lines
    held = "which thread clerk probably holds; that one is in Desk.count (shop.py:32)"
    assert f"    waits for the threading.Lock Desk.stock, {held}" in lines


def test_idle_threads_of_an_executor_are_a_line() -> None:
    idle = standing(0, ["rows_0", "rows_1"], frame("_worker", 81, "/usr/lib/python3.11/concurrent/futures/thread.py"))
    assert shown(idle)[-2:] == ["", "2 x idle  rows_0, rows_1"]


def test_an_executor_with_the_places_of_its_busy_threads() -> None:
    pool: Any = {
        "index": 0, "type": "ThreadPoolExecutor", "name": "rows", "default": False, "busy": 2, "most": 2, "queued": 1,
        "groups": [{"group": 0, "count": 2}],
    }  # fmt: skip
    lines = shown(standing(0, ["rows_0", "rows_1"], frame("load", 42)), executors=(pool,))
    assert "    the executor rows: 2 of 2 threads busy, 1 job waits: 2 in load (shop.py:42)" in lines


def test_what_blocks_the_loop_now_comes_first() -> None:
    stall: Any = {"stack": [frame("tick", 61)], "busy": False, "chain": [LOCK], "ring": False}
    lines = shown(standing(0, ["MainThread"], frame("tick", 61)), stalls=(stall,))
    assert lines[1].startswith(
        "the loop's thread waits in tick (shop.py:61) for the threading.Lock Desk.stock, which thread"
    )


def test_a_dump_without_threads_says_nothing_of_them() -> None:
    assert not any("thread" in line for line in shown())
