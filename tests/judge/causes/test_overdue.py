"""When a promised event came last, and what may have ended it."""

from __future__ import annotations

from lifesign.judge.overdue import Overdue, is_between, overdue
from support.made.readings import S, event, reading


def test_an_overdue_event_says_when_it_came_last() -> None:
    (came,) = overdue(reading(events=(event("order", 50, 30),)))
    (never,) = overdue(reading(events=(event("order", None, 30),)))
    assert (came.last, never.last) == (event("order", 50, 30).wall_ns, 0)


def test_what_happened_between_the_last_event_and_when_the_next_one_was_due_may_have_ended_it() -> None:
    late = [Overdue("tick", "", 90 * S), Overdue("order", "", 40 * S, 20 * S)]
    found = [at for at in range(100) if is_between(at * S, late)]
    assert (found[0], found[-1]) == (17, 43)  # noticed some seconds late
    assert not is_between(30 * S, late[:1])  # it never came
