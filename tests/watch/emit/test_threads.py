"""Threads and executors of a dump as log records and attributes."""

from __future__ import annotations

from typing import Any

from lifesign import semconv
from lifesign.judge.causes.findings import Dump
from lifesign.watch.emit.threads import thread_attributes
from lifesign.watch.emit.translate import translate
from lifesign.watch.telemetry import Log

PLACE = {"function": "load", "file": "/srv/shop/rows.py", "line": 42}


def test_a_group_of_threads_is_a_log_record_with_the_users_own_place() -> None:
    library = {"function": "wait", "file": "/usr/lib/python3.11/threading.py", "line": 9}
    record: Any = {
        "kind": "thread_group", "dump": "d", "index": 1, "count": 2, "names": ["rows_0", "rows_1"], "loop": False,
        "stack": [PLACE, library], "wait": None, "at": 5,
    }  # fmt: skip
    (log,) = translate(record, "key", "uid", 7)
    assert isinstance(log, Log)
    assert (log.event, log.body, log.time) == ("lifesign.thread_group", "2 threads in load (rows.py:42)", 5)
    assert log.attributes[semconv.CODE_LINE] == 42
    assert log.attributes[semconv.THREADS_NAMES] == ["rows_0", "rows_1"]
    assert semconv.THREADS_WAIT_FOR not in log.attributes


def test_the_summary_has_a_line_for_each_executor() -> None:
    pool: Any = {
        "type": "ThreadPoolExecutor", "name": "rows", "default": False, "busy": 1, "most": 4, "queued": 0,
        "groups": [{"group": 1, "count": 1}],
    }  # fmt: skip
    processes = {**pool, "type": "ProcessPoolExecutor", "name": "", "busy": 4, "queued": 2, "groups": []}
    summary: Any = {"threads": 7}
    threads: Any = ({"index": 1, "stack": [PLACE]},)
    assert thread_attributes(Dump(summary, (), (), threads, (pool, processes))) == {
        "lifesign.task_dump.threads": 7,
        "lifesign.task_dump.executors": [
            "the executor rows: 1 of 4 threads busy: 1 in load (rows.py:42)",
            "an executor: 4 of 4 processes busy, 2 jobs wait",
        ],
    }


def test_a_dump_of_an_older_agent_has_none() -> None:
    summary: Any = {}
    assert thread_attributes(Dump(summary)) == {}


def test_what_threads_wait_for_is_said() -> None:
    wait = {
        "thread": "rows_0", "loop": False, "type": "threading.Lock", "name": "Desk.ledger", "state": "",
        "how": "acquire", "clock": False, "at": PLACE, "holder": None, "task": "", "verb": "",
        "certain": False, "place": None,
    }  # fmt: skip
    record: Any = {
        "kind": "thread_group", "dump": "d", "index": 1, "count": 1, "names": ["rows_0"], "loop": False,
        "stack": [], "wait": wait, "at": 5,
    }  # fmt: skip
    (log,) = translate(record, "key", "uid", 7)
    assert isinstance(log, Log)
    assert "Desk.ledger" in str(log.attributes[semconv.THREADS_WAIT_FOR])
    assert log.body.startswith("1 thread")
