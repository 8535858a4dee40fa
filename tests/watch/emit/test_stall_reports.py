"""Stalls and busy loops become log records: a new one at once, the others now and then, none twice."""

from __future__ import annotations

from typing import Any

from lifesign.watch.emit.stalls.culprits import Culprits
from lifesign.watch.emit.stalls.reports import StallReports
from lifesign.watch.sources import no_source
from lifesign.watch.telemetry import Log
from support.made.stalls import NOON, RENDER, S, busy, culprit, totals

MINUTE = 60 * S
CODE = {"code.function.name": "render", "code.file.path": "/srv/shop/app.py", "code.line.number": 8}
STACK = 'File "/srv/shop/app.py", line 20, in handle\nFile "/srv/shop/app.py", line 8, in render'


class Reported:
    def __init__(self) -> None:
        self.culprits = Culprits()
        self.reports = StallReports("key", "i", self.culprits, no_source)

    def after(self, *records: Any, now: int = NOON, ended: bool = False) -> list[Log]:
        for record in records:
            self.culprits.take(record)
        return self.reports.due(now, 3 * S, ended=ended)


def test_a_new_culprit_is_reported_at_once_with_all_that_is_known() -> None:
    worst = {"task": "order-7", "coroutine": "Desk.serve", "trace": "a" * 32, "span": "b" * 16}
    (log,) = Reported().after(culprit(computing=5.0, **worst))
    assert (log.event, log.severity, log.time, log.observed) == ("lifesign.eventloop.stall", 13, NOON - 3 * S, NOON)
    assert log.body == (
        "stalled the loop 14 times since the start, 5.2 s in all, 1.2 s at worst: render (app.py:8) computes"
    )
    assert (log.uid, log.trace, log.span) == ("i-stall-1-14", "a" * 32, "b" * 16)
    assert log.attributes == {
        "lifesign.cause": "short-stalls",
        "lifesign.stall.kind": "call",
        "lifesign.stall.count": 14,
        "lifesign.stall.time": 5.2,
        "lifesign.stall.worst": 1.2,
        "lifesign.stall.computing": 5.0,
        "lifesign.eventloop": 0,
        "lifesign.task.name": "order-7",
        "lifesign.task.coroutine": "Desk.serve",
        **CODE,
        "code.stacktrace": STACK,
    }


def test_where_the_machine_is_to_blame_no_code_is_named() -> None:
    (log,) = Reported().after(culprit(what="quota", place=None, stacks=[], count=1, total=0.4))
    assert log.body == "stalled the loop once, for 0.4 s: the CPU quota was used up"
    assert log.attributes["lifesign.cause"] == "cpu-quota"
    assert not [name for name in log.attributes if name.startswith(("code.", "lifesign.task."))]


def test_a_callback_that_is_compiled_has_a_function_and_no_file() -> None:
    (log,) = Reported().after(culprit(place={"function": "Desk.load", "file": "", "line": 0}, stacks=[]))
    assert [name for name in log.attributes if name.startswith("code.")] == ["code.function.name"]
    assert log.body.endswith(": Desk.load computes")


def test_what_grows_is_reported_once_a_minute() -> None:
    seen = Reported()
    assert len(seen.after(culprit(count=1, total=2.0))) == 1
    assert seen.after(totals(culprit(count=2, total=2.6)), now=NOON + S) == []
    assert seen.after(totals(culprit(count=9, total=7.0)), now=NOON + 59 * S) == []
    (log,) = seen.after(now=NOON + MINUTE)
    assert log.attributes["lifesign.stall.count"] == 9
    assert seen.after(now=NOON + 3 * MINUTE) == [], "nothing has happened since"


def test_of_many_those_that_took_most_are_reported_and_the_others_come_first_the_next_time() -> None:
    seen = Reported()
    first = [log.attributes["lifesign.stall.time"] for log in seen.after(*(culprit(n, total=n) for n in range(1, 8)))]
    assert first == [7.0, 6.0, 5.0]
    assert seen.after(now=NOON + 30 * S) == []
    second = seen.after(totals(culprit(7, count=15, total=7.5)), now=NOON + MINUTE)
    assert [log.attributes["lifesign.stall.time"] for log in second] == [4.0, 3.0, 2.0]


def test_a_stall_that_was_reported_as_a_blocked_loop_is_not_reported_again() -> None:
    seen = Reported()
    seen.after(now=NOON - 9 * S)
    assert seen.after(culprit(count=1, total=3.5, worst=3.5)) == []
    assert seen.after(totals(culprit(count=2, total=7.1)), now=NOON + MINUTE) == []
    (log,) = seen.after(totals(culprit(count=3, total=7.4)), now=NOON + 3 * MINUTE)
    assert log.attributes["lifesign.stall.count"] == 3
    assert len(Reported().after(culprit(count=1, total=3.4))) == 1


def test_a_long_stall_that_was_over_before_anybody_looked_is_reported_as_it_was_never_seen_to_be_blocked() -> None:
    (log,) = Reported().after(culprit(count=1, total=6.1, worst=6.1))
    assert log.body == "stalled the loop once, for 6.1 s: render (app.py:8) computes"


def test_the_rest_is_reported_at_the_end() -> None:
    seen = Reported()
    seen.after(culprit(count=1, total=2.0))
    assert len(seen.after(totals(culprit(count=2, total=2.6)), now=NOON + S, ended=True)) == 1


def test_a_clock_that_is_set_back_begins_a_new_minute() -> None:
    seen = Reported()
    seen.after(culprit(count=1, total=2.0))
    assert len(seen.after(totals(culprit(count=2, total=2.6)), now=NOON - 7 * MINUTE)) == 1


def test_a_busy_loop_is_reported_once() -> None:
    seen = Reported()
    (log,) = seen.after(busy())
    assert (log.event, log.severity, log.time) == ("lifesign.eventloop.busy", 13, NOON)
    assert log.body == "busy: 98 % of a core, 39 of 40 samples in render (app.py:8)"
    assert log.attributes == {
        "lifesign.cause": "busy",
        "lifesign.eventloop": 0,
        "lifesign.eventloop.utilization": 0.981,
        "lifesign.busy.samples": 40,
        "lifesign.busy.in_place": 39,
        **CODE,
        "code.stacktrace": STACK,
    }
    assert seen.after(busy(samples=80), now=NOON + 5 * MINUTE) == []
    assert len(seen.after(busy(since=2.0), now=NOON + 9 * MINUTE)) == 1


def test_a_loop_that_is_busy_again_and_again_is_not_a_flood() -> None:
    seen = Reported()
    assert sum(len(seen.after(busy(since=float(20 - n)), now=NOON + n * S)) for n in range(20)) == 3


def test_what_an_earlier_sidecar_reported_is_not_reported_again() -> None:
    seen = Reported()
    for record in (culprit(), busy()):
        seen.culprits.take(record)
    seen.reports.recall()
    assert seen.after() == []
    assert [log.event for log in seen.after(culprit(2, place=RENDER))] == ["lifesign.eventloop.stall"]
