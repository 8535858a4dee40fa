"""Records of the ring become spans and log records, with the names and attributes of the contract."""

from __future__ import annotations

from typing import Any

from lifesign.judge.causes.cause import deadlocks
from lifesign.judge.causes.findings import Dump, Findings
from lifesign.watch.emit.dumps import task_dump
from lifesign.watch.emit.translate import translate
from lifesign.watch.telemetry import Log, Span

RESOURCE, UID, SEEN = "4242-00000001", "instance-ring-7", 999
FAILURE = {"type": "ConnectionError", "message": "refused\nby peer", "stack": 'File "a.py", line 3, in f'}


def result(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1" * 16,
        "name": "db",
        "critical": True,
        "passed": True,
        "reason": "",
        "error": None,
        "start": 10,
        "end": 20,
        **changes,
    }


def report(*results: dict[str, Any], **changes: Any) -> Any:
    return {
        "kind": "postconditions",
        "trace": "a" * 32,
        "id": "b" * 16,
        "request": 0,
        "start": 5,
        "end": 30,
        "passed": True,
        "diagnostic": "all passed (1 checks)",
        "results": list(results),
        "synthetic": False,
        **changes,
    }


def test_postconditions_that_hold_are_a_root_and_a_child_each() -> None:
    made = translate(report(result()), RESOURCE, UID, SEEN)
    assert made == [
        Span(
            resource=RESOURCE, trace="a" * 32, id="1" * 16, parent="b" * 16, name="postcondition db", start=10, end=20,
            attributes={"lifesign.postcondition.name": "db", "lifesign.postcondition.critical": True},
        ),
        Span(resource=RESOURCE, trace="a" * 32, id="b" * 16, name="postconditions", start=5, end=30, attributes={}),
    ]  # fmt: skip


def test_a_failed_check_is_a_span_error_and_a_log_record_in_its_context() -> None:
    failed = result(passed=False, reason="ConnectionError: refused\nby peer", error=FAILURE)
    record = report(failed, passed=False, diagnostic="Post-conditions failed: db: refused")
    log, child, root = translate(record, RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert isinstance(child, Span)
    assert isinstance(root, Span)
    assert child.error == "ConnectionError: refused"  # one line
    assert child.attributes["error.type"] == "ConnectionError"
    assert root.error == "Post-conditions failed: db: refused"
    assert root.attributes["error.type"] == "postcondition_failed"
    assert (log.event, log.severity) == ("lifesign.postcondition.failed", 17)
    assert (log.trace, log.span, log.time, log.observed) == ("a" * 32, "1" * 16, 20, SEEN)
    assert log.uid == "instance-ring-7-1111111111111111"
    assert log.attributes["exception.type"] == "ConnectionError"
    assert log.attributes["exception.message"] == "refused\nby peer"
    assert log.attributes["exception.stacktrace"] == 'File "a.py", line 3, in f'


def test_a_failed_warning_is_no_error_of_the_whole() -> None:
    record = report(result(passed=False, critical=False, reason="cold"))
    log, child, root = translate(record, RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert isinstance(root, Span)
    assert log.severity == 13
    assert child.attributes["error.type"] == "postcondition_failed"
    assert root.error is None


def test_what_ran_inside_synthetic_is_tagged_throughout() -> None:
    record = report(result(passed=False, reason="x"), synthetic=True)
    made = translate(record, RESOURCE, UID, SEEN)
    assert {signal.attributes["user_agent.synthetic.type"] for signal in made} == {"test"}


def dry_run(error: Any) -> Any:
    return {
        "kind": "dry_run",
        "trace": "c" * 32,
        "id": "d" * 16,
        "type": "order",
        "index": 4,
        "start": 1,
        "end": 2,
        "error": error,
        "adjusted_count": 20,
    }


def test_a_dry_run_event_is_a_tagged_span() -> None:
    (span,) = translate(dry_run(None), RESOURCE, UID, SEEN)
    assert isinstance(span, Span)
    assert (span.name, span.trace, span.id, span.parent, span.error) == (
        "dry_run order",
        "c" * 32,
        "d" * 16,
        None,
        None,
    )
    assert span.attributes == {
        "user_agent.synthetic.type": "test",
        "lifesign.dry_run.type": "order",
        "lifesign.dry_run.index": 4,
        "lifesign.dry_run.adjusted_count": 20,
    }


def test_a_handlers_exception_is_that_events_error() -> None:
    log, span = translate(dry_run(FAILURE), RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert isinstance(span, Span)
    assert span.error == "ConnectionError: refused"
    assert (log.event, log.uid, log.span) == ("lifesign.dry_run.failed", UID, "d" * 16)
    assert log.attributes["user_agent.synthetic.type"] == "test"


def group(**changes: Any) -> Any:
    return {
        "kind": "task_group",
        "dump": "e" * 16,
        "index": 0,
        "count": 7,
        "waits_for": "Future",
        "looked": 1,
        "waited_most": None,
        "time_left": None,
        "keeps_the_loop": False,
        "waited_least": None,
        "at": 50,
        "stack": [
            {"function": "main", "file": "/app/a.py", "line": 3},
            {"function": "... 9 frames ...", "file": "", "line": 0},
            {"function": "Queue.get", "file": "/lib/queues.py", "line": 158},
        ],
        "names": ["worker-1"],
        "states": {"waiting": 6, "ready": 1},
        "awaits": [],
        "oldest": None,
        "newest": None,
        "origin": [],
        "trace": None,
        "span": None,
        **changes,
    }


def test_a_task_group_is_a_log_record_with_its_stack() -> None:
    (log,) = translate(group(waited_most=51.5, time_left=8.5), RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert (log.event, log.uid, log.time, log.severity) == ("lifesign.task_group", UID, 50, 9)
    assert log.body == "7 x Queue.get (queues.py:158), waiting for Future"
    assert log.attributes == {
        "lifesign.task_dump.id": "e" * 16,
        "lifesign.task_group.index": 0,
        "lifesign.task_group.count": 7,
        "lifesign.task_group.names": ["worker-1"],
        "lifesign.task_group.states": ["6 waiting", "1 ready"],
        "lifesign.task_group.waits_for": "Future",
        "lifesign.task_group.waited": 51.5,
        "lifesign.task_group.time_left": 8.5,
        "lifesign.task_group.looked": 1,
        "code.function.name": "Queue.get",
        "code.file.path": "/lib/queues.py",
        "code.line.number": 158,
        "code.stacktrace": (
            'File "/app/a.py", line 3, in main\n... 9 frames ...\nFile "/lib/queues.py", line 158, in Queue.get'
        ),
    }


def test_a_task_that_runs_waits_for_nothing() -> None:
    (log,) = translate(group(count=1, states={"running": 1}, waits_for="nothing: it runs"), RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert log.body == "1 x Queue.get (queues.py:158), running"
    assert "lifesign.task_group.looked" not in log.attributes


def test_a_group_without_a_stack_says_so() -> None:
    (log,) = translate(group(stack=[]), RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert log.body == "7 x no coroutine, waiting for Future"
    assert "code.stacktrace" not in log.attributes


def summary(**changes: Any) -> Any:
    return {
        "kind": "task_dump",
        "id": "e" * 16,
        "reason": "request",
        "request": 2,
        "start": 0,
        "end": 12_000_000,
        "tasks": 205,
        "groups": 53,
        "omitted": 3,
        "same_as": None,
        "counts": [],
        "cycles": [],
        "rings": [],
        "finished": [],
        "still": None,
        **changes,
    }


def test_the_summary_of_a_dump_says_what_is_left_out() -> None:
    log = task_dump(Dump(summary()), [], RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert log.body == "205 tasks in 53 groups, taken in 12 ms: request; and 3 more groups"
    assert (log.event, log.severity) == ("lifesign.task_dump", 9)
    assert log.attributes["lifesign.task_dump.groups_omitted"] == 3
    one = task_dump(Dump(summary(tasks=1, groups=1, omitted=1)), [], RESOURCE, UID, SEEN)
    assert one.body == "1 task in 1 group, taken in 12 ms: request; and 1 more group"


def test_a_deadlock_is_named_as_one() -> None:
    place = {"function": "work", "file": "/app/a.py", "line": 7}
    ring = [{"task": "a", "primitive": None, "at": place}, {"task": "b", "primitive": None, "at": None}]
    dump = Dump(summary(cycles=[["a", "b"]], rings=[ring], omitted=0))
    log = task_dump(dump, deadlocks(Findings("healthy", dump)), RESOURCE, UID, SEEN)
    assert log.severity == 13
    assert log.body.endswith("; deadlock: a waits for b at a.py:7")
    assert log.attributes["lifesign.cause"] == "deadlock"
    assert (log.attributes["code.function.name"], log.attributes["code.line.number"]) == ("work", 7)
    assert log.attributes["lifesign.task_dump.cycles"] == ["a -> b -> a"]


def test_a_dump_that_shows_nothing_new_is_a_count() -> None:
    log = task_dump(Dump(summary(same_as="f" * 16, counts=[7, 2], omitted=0)), [], RESOURCE, UID, SEEN)
    assert isinstance(log, Log)
    assert log.attributes["lifesign.task_dump.same_as"] == "f" * 16
    assert log.attributes["lifesign.task_dump.counts"] == ["7", "2"]


def test_tasks_that_ended_are_told_by_how_they_did() -> None:
    finished = [
        {"function": "work", "outcome": "raised KeyError", "message": "'x'", "count": 2},
        {"function": "work", "outcome": "returned int", "message": "", "count": 1},
    ]
    log = task_dump(Dump(summary(finished=finished)), [], RESOURCE, UID, SEEN)
    assert log.attributes["lifesign.task_dump.finished"] == ["2 x work raised KeyError: 'x'", "1 x work returned int"]


def test_a_group_tells_its_edges_ages_origin_and_span_where_they_are_known() -> None:
    record = group(
        awaits=[{"group": 3, "count": 7}],
        oldest=12.5,
        newest=0.5,
        origin=[{"function": "main", "file": "/app/a.py", "line": 9}],
        trace="a" * 32,
        span="b" * 16,
    )
    (log,) = translate(
        record, RESOURCE, UID, SEEN, lambda file, line: "spawn()" if (file, line) == ("/app/a.py", 9) else None
    )
    assert isinstance(log, Log)
    assert log.attributes["lifesign.task_group.awaits"] == ["7 for group 3"]
    assert (log.attributes["lifesign.task_group.oldest"], log.attributes["lifesign.task_group.newest"]) == (12.5, 0.5)
    assert log.attributes["lifesign.task_group.origin"] == 'File "/app/a.py", line 9, in main\n  spawn()'
    assert (log.trace, log.span) == ("a" * 32, "b" * 16)


def test_a_stall_is_evidence_and_no_news_of_its_own() -> None:
    record: Any = {"kind": "stall", "loop": 0, "since": 1, "at": 2, "busy": None, "stack": []}
    assert translate(record, RESOURCE, UID, SEEN) == []
