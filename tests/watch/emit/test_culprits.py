"""What has stalled loops: the newest of each culprit, how much of it is recent, and bounds on what a pulse may say."""

from __future__ import annotations

from typing import Any

from lifesign.watch.emit.stalls.culprits import Culprits, busy_reading
from support.made.stalls import HANDLE, NOON, RENDER, S, busy, culprit, stack, totals


def made(*records: Any) -> Culprits:
    culprits = Culprits()
    for record in records:
        culprits.take(record)
    return culprits


def recent(*records: Any, now: int = NOON) -> list[tuple[int, float]]:
    return [(one.recent, one.recent_time / S) for one in made(*records).seen(now)]


def test_totals_bring_the_newest_numbers_of_a_culprit_that_is_known() -> None:
    newer = culprit(1, 20, 9.0, 2.0, ago=1)
    (row,) = made(culprit(1, 14, 5.2), totals(newer, culprit(2, 3, 1.0))).rows()
    assert (row.id, row.count, row.total, row.worst, row.last) == (1, 20, 9.0, 2.0, NOON - S)
    assert (row.function, row.file, row.line, row.what) == ("render", "/srv/shop/app.py", 8, "call")


def test_numbers_never_shrink_and_the_rest_is_of_the_newest_record() -> None:
    (row,) = made(culprit(1, 14, 5.2, task="first"), culprit(1, 2, 0.4, 0.1, ago=50, task="second")).rows()
    assert (row.count, row.total, row.worst, row.last, row.task) == (14, 5.2, 1.2, NOON - 3 * S, "second")


def test_the_one_with_the_most_time_comes_first_and_the_uncounted_last() -> None:
    rows = made(culprit(1, total=1.0), culprit(2, total=3.0), totals(others=7, others_total=9.0)).rows()
    assert [(row.id, row.what, row.total) for row in rows] == [(2, "call", 3.0), (1, "call", 1.0), (0, "other", 9.0)]
    assert rows[-1].count == 7


def test_a_first_stall_is_one_recent_stall_whatever_was_before_it() -> None:
    assert recent(culprit(count=1, total=0.3)) == [(1, 0.3)]
    assert recent(culprit(count=10, total=5.0)) == [(1, 0.5)]


def test_stalls_are_recent_for_five_minutes() -> None:
    old, first = culprit(count=4, total=2.0, ago=900), culprit(count=5, total=2.5, ago=290)
    assert recent(old) == [(0, 0.0)]
    assert recent(old, first, culprit(count=9, total=4.0, ago=1)) == [(5, 2.0)]
    assert recent(old, first, now=NOON + 11 * S) == [(0, 0.0)]


def test_many_stalls_in_a_row_need_few_marks() -> None:
    culprits = made(*(culprit(count=count, total=count, ago=1000 - count) for count in range(1, 1000)))
    (seen,) = culprits.seen(NOON)
    assert 299 <= seen.recent <= 310  # one a second, and marks are ten seconds apart


def test_a_time_that_is_yet_to_come_is_now() -> None:
    (seen,) = made(culprit(ago=-500)).seen(NOON)
    assert seen.culprit["last"] == NOON


def test_what_a_hostile_pulse_says_is_bounded() -> None:
    long = {"function": "f" * 10_000, "file": "x" * 10_000 + "/app.py", "line": 3}
    culprits = made(*(culprit(number, stacks=[stack(*[long] * 500)] * 90, task="t" * 10_000) for number in range(99)))
    assert len(culprits.rows()) == 50
    row = culprits.rows()[0]
    assert (len(row.task), len(row.stacks), len(row.stacks[0]["stack"])) == (300, 5, 100)
    frame = row.stacks[0]["stack"][0]
    assert (len(frame["function"]), len(frame["file"]), frame["file"][-7:]) == (300, 300, "/app.py")
    culprits.take(busy(loop=10**6))
    assert culprits.busy() == ()


def test_computing_is_no_more_than_all() -> None:
    (row,) = made(culprit(total=2.0, computing=7.0, place=None)).rows()
    assert (row.computing, row.function, row.line) == (2.0, "", 0)


def test_a_loop_is_busy_until_its_process_says_that_it_is_over() -> None:
    culprits = made(busy(1), busy(0), busy(0, samples=41))
    assert [(one["loop"], one["samples"]) for one in culprits.busy()] == [(0, 41), (1, 40)]
    culprits.take(busy(1, samples=0, in_place=0, place=None, stacks=[]))
    assert [one["loop"] for one in culprits.busy()] == [0]


def test_a_busy_loop_as_it_is_shown() -> None:
    shown = busy_reading(busy(utilization=1.7))
    assert (shown.utilization, shown.function, shown.line, shown.in_place) == (1.0, "render", 8, 39)
    assert shown.stacks[0]["stack"] == [HANDLE, RENDER]
    assert busy_reading(busy(place=None)).function == ""
