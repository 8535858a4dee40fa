"""A dump is put together from its records; one that shows nothing new has the groups of the one that it names."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes import newest_dump
from lifesign.judge.causes.newest_dump import NewestDump


def group(dump: str, index: int, count: int) -> Any:
    return {"kind": "task_group", "dump": dump, "index": index, "count": count, "stack": []}


def summary(dump: str, same_as: str | None = None, counts: tuple[int, ...] = ()) -> Any:
    counted = {"same_as": same_as, "counts": list(counts)}
    return {"kind": "task_dump", "id": dump, **counted, "rings": [], "finished": [], "end": 0}


def test_groups_and_primitives_belong_to_the_summary_that_comes_after_them() -> None:
    newest = NewestDump()
    newest.add(group("torn", 0, 9))
    newest.add(group("first", 0, 7))
    lock: Any = {"kind": "task_primitive", "dump": "first", "index": 0}
    newest.add(lock)
    assert newest.dump is None
    newest.end(summary("first"))
    assert newest.dump is not None
    assert [one["count"] for one in newest.dump.groups] == [7]
    assert newest.dump.primitives == (lock,)


def test_the_same_groups_are_shown_again_with_their_new_counts() -> None:
    newest = NewestDump()
    newest.add(group("first", 0, 7))
    newest.add(group("first", 1, 2))
    newest.end(summary("first"))
    again = newest.end(summary("second", "first", (3, 5)))
    assert [(one["index"], one["count"]) for one in again.groups] == [(0, 3), (1, 5)]
    assert again.summary["id"] == "second"
    third = newest.end(summary("third", "first", (4, 4)))
    assert [one["count"] for one in third.groups] == [4, 4]


def test_groups_that_were_never_seen_cannot_be_shown() -> None:
    assert NewestDump().end(summary("second", "first", (3,))).groups == ()


def test_threads_are_a_part_of_it_and_what_belongs_to_no_dump_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_dump, "_RECORDS_MAX", 2)
    newest = NewestDump()
    thread: Any = {"kind": "thread_group", "dump": "first", "index": 0}
    executor: Any = {"kind": "executor", "dump": "first"}
    for record in (thread, executor, group("first", 0, 7)):
        newest.add(record)
    dump = newest.end(summary("first"))
    assert (dump.threads, dump.groups) == ((thread,), ())


def test_of_a_burst_of_dumps_the_first_is_kept_and_what_was_fewest_between_the_others_is_not_forgotten() -> None:
    newest = NewestDump()
    for seconds, fewest in ((0, None), (1, 20), (1.5, 30), (2, None), (4, 50), (5, 10), (7, 15)):
        newest.end({**summary("d"), "end": int(seconds * 1e9), "fewest": fewest})
    assert [(one.at / 1e9, one.fewest) for one in newest.populations] == [(0, None), (2, 20), (4, 50), (7, 10)]
