"""What the page remembers of one process: the newest, the telling, and never too much."""

from __future__ import annotations

from typing import Any

import msgspec

from lifesign import semconv
from lifesign.serve.history import DUMP_BYTES, THREADS, TIMELINE, TIMELINE_BYTES, History
from lifesign.watch.telemetry import Log
from support.made.boards import NOON, SECOND, dump_log, group_log, log, span


def timeline(history: History) -> list[dict[str, Any]]:
    return [msgspec.json.decode(raw) for raw in history.timeline()]


def test_a_log_record_is_told_with_its_stack() -> None:
    history = History()
    history.add(log("blocked in sleep", attributes={semconv.CODE_STACKTRACE: "sleep at a.py:3"}))
    assert timeline(history) == [
        {
            "at": NOON,
            "severity": 17,
            "name": "lifesign.eventloop.blocked",
            "text": "blocked in sleep",
            "stack": "sleep at a.py:3",
            "seconds": None,
            "times": 1,
        }
    ]


def test_an_exception_s_stack_is_shown_where_there_is_no_other() -> None:
    history = History()
    history.add(log(attributes={semconv.EXCEPTION_STACKTRACE: "Traceback"}))
    assert timeline(history)[0]["stack"] == "Traceback"


def test_a_blocked_spell_is_told_with_its_length() -> None:
    history = History()
    history.add(span(semconv.SPAN_BLOCKED, end=NOON + 5 * SECOND, error="blocked for 5.0 s"))
    assert timeline(history) == [
        {
            "at": NOON,
            "severity": 17,
            "name": "eventloop blocked",
            "text": "blocked for 5.0 s",
            "stack": "",
            "seconds": 5.0,
            "times": 1,
        }
    ]


def test_spans_that_a_log_record_or_the_snapshot_tells_already_are_left_out() -> None:
    history = History()
    for name in ("boot", "checkpoint config loaded", "postconditions", "postcondition broker", "dry_run order"):
        history.add(span(name))
        history.add(span(name, error="failed"))
    assert timeline(history) == []
    assert history.size == 0


def test_the_same_record_again_is_one_line_with_the_newest_time() -> None:
    history = History()
    for number in range(3):
        history.add(log("broker: no session", time=NOON + number))
    history.add(log("another"))
    history.add(log("broker: no session", time=NOON + 9))
    assert [(h["text"], h["at"] - NOON, h["times"]) for h in timeline(history)] == [
        ("broker: no session", 9, 1),
        ("another", 0, 1),
        ("broker: no session", 2, 3),
    ]
    assert history.size == sum(len(bytes(raw)) for raw in history.timeline())


def test_two_spells_of_the_same_length_are_two() -> None:
    history = History()
    history.add(span())
    history.add(span())
    assert len(timeline(history)) == 2


def test_the_newest_come_first_and_the_oldest_go() -> None:
    history = History()
    for number in range(TIMELINE + 5):
        history.add(log(str(number)))
    texts = [h["text"] for h in timeline(history)]
    assert texts == [str(number) for number in range(64, 4, -1)]


def test_big_entries_are_cut_and_bounded_in_bytes() -> None:
    history = History()
    for number in range(TIMELINE):
        history.add(log(f"{number:03}" + "x" * 50_000, attributes={semconv.CODE_STACKTRACE: "y" * 50_000}))
    newest = timeline(history)[0]
    assert newest["text"] == "059" + "x" * 1_996 + "…"
    assert newest["stack"] == "y" * 7_999 + "…"
    assert TIMELINE_BYTES // 2 < history.size <= TIMELINE_BYTES
    assert history.size == sum(len(bytes(raw)) for raw in history.timeline())


def test_a_dump_gathers_its_groups_in_order() -> None:
    history = History()
    history.add(dump_log(tasks=5, groups=2))
    history.add(group_log(1, 2))
    history.add(group_log(0, 3, stack="main\n  work"))
    dump = history.dump()
    assert dump is not None
    assert (dump.id, dump.at, dump.reason, dump.tasks, dump.groups_total) == ("d1", NOON, "request", 5, 2)
    assert [msgspec.json.decode(group) for group in dump.groups] == [
        {
            "index": 0,
            "count": 3,
            "function": "work",
            "place": "shop.py:7",
            "names": ["worker-0", "worker-1", "worker-2"],
            "waits_for": "Lock.acquire",
            "stack": "main\n  work",
        },
        {
            "index": 1,
            "count": 2,
            "function": "work",
            "place": "shop.py:7",
            "names": ["worker-0", "worker-1"],
            "waits_for": "Lock.acquire",
            "stack": "main",
        },
    ]
    assert [h["text"] for h in timeline(history)] == ["5 tasks"], "groups are no lines of their own"


def thread_log(dump: str, index: int, count: int) -> Log:
    attributes: dict[str, Any] = {
        semconv.DUMP_ID: dump, semconv.THREADS_INDEX: index, semconv.THREADS_COUNT: count,
        semconv.THREADS_NAMES: ["rows_0"], semconv.THREADS_WAIT_FOR: "a Lock", semconv.CODE_FUNCTION: "load",
    }  # fmt: skip
    return log(event=semconv.LOG_THREAD_GROUP, attributes=attributes)


def groups_of(history: History) -> list[dict[str, Any]]:
    dump = history.dump()
    assert dump is not None
    return [msgspec.json.decode(raw) for raw in dump.groups]


def test_groups_of_threads_come_behind_those_of_tasks_and_in_no_timeline() -> None:
    history = History()
    history.add(group_log(0, 5))
    history.add(thread_log("d1", 0, 2))
    assert timeline(history) == []
    history.add(dump_log())
    groups = groups_of(history)
    assert [("threads" in one, one["count"]) for one in groups] == [(False, 5), (True, 2)]
    assert (groups[1]["names"], groups[1]["function"], groups[1]["waits_for"]) == (["rows_0"], "load", "a Lock")


def test_a_dump_with_the_same_tasks_has_threads_of_its_own() -> None:
    history = History()
    for record in (group_log(0, 5), thread_log("d1", 0, 2), thread_log("d1", 1, 1), dump_log()):
        history.add(record)
    history.add(thread_log("d2", 0, 3))
    assert [one["count"] for one in groups_of(history)] == [5, 2, 1]
    again = {semconv.DUMP_ID: "d2", semconv.DUMP_SAME_AS: "d1", semconv.DUMP_COUNTS: ["4"]}
    history.add(log(event=semconv.LOG_TASK_DUMP, attributes=again))
    assert [("threads" in one, one["count"]) for one in groups_of(history)] == [(False, 4), (True, 3)]


def test_groups_may_come_before_their_summary() -> None:
    history = History()
    history.add(group_log(0, 3))
    before = history.dump()
    assert before is not None
    assert (before.tasks, len(before.groups)) == (None, 1)
    history.add(dump_log(tasks=3, groups=1))
    after = history.dump()
    assert after is not None
    assert (after.tasks, len(after.groups)) == (3, 1)


def test_a_newer_dump_takes_the_place_of_an_older_one() -> None:
    history = History()
    history.add(dump_log("d1"))
    history.add(group_log(0, 3, "d1"))
    history.add(dump_log("d2", time=NOON + SECOND))
    late = group_log(1, 2, "d1")
    history.add(late)
    dump = history.dump()
    assert dump is not None
    assert (dump.id, dump.groups) == ("d2", [])


def test_a_dump_that_shows_the_same_keeps_the_groups_and_has_new_counts() -> None:
    history = History()
    history.add(group_log(0, 3, "d1"))
    history.add(group_log(1, 2, "d1"))
    history.add(dump_log("d1"))
    again = dump_log("d2", tasks=9, time=NOON + SECOND)
    again.attributes.update({semconv.DUMP_SAME_AS: "d1", semconv.DUMP_COUNTS: ["5", "4"]})
    history.add(again)
    dump = history.dump()
    assert dump is not None
    assert (dump.at, dump.tasks) == (NOON + SECOND, 9)
    assert [msgspec.json.decode(group)["count"] for group in dump.groups] == [5, 4]
    history.add(again)  # and once more
    assert len(history.dump().groups) == 2  # type: ignore[union-attr]


def test_the_smallest_groups_go_first_when_a_dump_is_too_big() -> None:
    history = History()
    for index in range(40):
        history.add(group_log(index, 1, stack="s" * 8_000))
    dump = history.dump()
    assert dump is not None
    kept = [msgspec.json.decode(group)["index"] for group in dump.groups]
    assert kept == list(range(len(kept)))
    assert 10 < len(kept) < 40
    assert history.size <= DUMP_BYTES


def test_shrinking_drops_half_of_the_timeline_and_then_the_dump() -> None:
    history = History()
    history.add(group_log(0, 1))
    for number in range(3):
        history.add(log(str(number)))
    history.shrink()
    assert [h["text"] for h in timeline(history)] == ["2"]
    history.shrink()
    assert timeline(history) == []
    assert history.dump() is not None
    history.shrink()
    assert history.dump() is None
    assert history.size == 0


def test_odd_attributes_are_no_error() -> None:
    history = History()
    odd = {semconv.DUMP_ID: "d1", semconv.GROUP_INDEX: True, semconv.GROUP_COUNT: "3", semconv.GROUP_NAMES: "a"}
    history.add(log(event=semconv.LOG_TASK_GROUP, attributes=odd))
    dump = history.dump()
    assert dump is not None
    assert msgspec.json.decode(dump.groups[0]) == {
        "index": 0, "count": 0, "function": "", "place": "", "names": [], "waits_for": "", "stack": "",
    }  # fmt: skip


def test_of_many_groups_of_threads_the_first_are_kept() -> None:
    history = History()
    for index in range(THREADS + 5):
        history.add(thread_log("d1", index, 2))
    history.add(dump_log())
    assert len(groups_of(history)) == THREADS


def test_counts_of_groups_that_are_not_there_or_no_numbers_change_nothing() -> None:
    history = History()
    history.add(group_log(0, 3, "d1"))
    history.add(dump_log("d1"))
    again = dump_log("d2")
    again.attributes.update({semconv.DUMP_SAME_AS: "d1", semconv.DUMP_COUNTS: ["many", "4"]})
    history.add(again)
    assert [one["count"] for one in groups_of(history)] == [3]
