"""What the kernel shows of threads, and what follows from it."""

from __future__ import annotations

import os
import threading
import time

import pytest

from lifesign.judge.gil import threads
from lifesign.judge.gil.threads import ThreadsSeen, between, look, may_be_a_queue, waits_for_gil, worth_noting
from lifesign.wire.stacks.request import ThreadUse

SECOND = 1_000_000_000


def use(turns: int, ran: int = 0, state: str = "S") -> ThreadUse:
    return ThreadUse(state, ran, turns)


@pytest.mark.parametrize(
    ("seen", "waits"),
    [
        (use(200), True),
        (use(120), True),  # of a machine that is busy
        (use(60), False),  # and too busy
        (use(0), False),  # stopped, traced, its control group frozen, or at rest
        (use(200, state="R"), True),  # it is about to ask again
        (use(200, state="T"), False),
        (use(200, ran=3_000_000), True),
        (use(200, ran=SECOND // 20), False),  # 250 us in each turn: it computes, on a machine that is busy
    ],
)
def test_who_wakes_up_all_the_time_and_hardly_runs_waits_for_the_gil(seen: ThreadUse, waits: bool) -> None:
    assert waits_for_gil(seen, SECOND) == waits


@pytest.mark.parametrize(("turns", "waits"), [(200, True), (150, True), (130, False), (1000, False), (0, False)])
def test_who_waits_for_it_wakes_up_as_often_as_another_that_does(turns: int, waits: bool) -> None:
    assert waits_for_gil(use(turns), SECOND, use(200)) == waits


def test_one_that_computes_on_a_busy_machine_differs_from_those_that_wait() -> None:
    waits = use(40, ran=500_000)
    assert waits_for_gil(use(38, ran=900_000), SECOND // 5, waits)
    assert not waits_for_gil(use(38, ran=3_500_000, state="R"), SECOND // 5, waits)


def test_so_many_may_wait_for_each_other() -> None:
    assert not may_be_a_queue(20, 3 * SECOND)
    assert may_be_a_queue(300, 3 * SECOND)


def test_between_two_moments() -> None:
    before = ThreadsSeen(0, {1: ThreadUse("S", 5, 5, 1), 2: ThreadUse("S", 5, 5, 1)})
    after = ThreadsSeen(9, {1: ThreadUse("R", 7, 6, 1), 2: ThreadUse("S", 3, 1, 8), 3: ThreadUse("S", 2, 2, 9)})
    assert between(before, after) == {
        1: ThreadUse("R", 2, 1, 1),
        2: ThreadUse("S", 3, 1, 8),  # its number is another thread's by now
        3: ThreadUse("S", 2, 2, 9),
    }


def test_those_that_do_not_wait_are_noted_first() -> None:
    used = {1: use(200), 2: use(200), 3: use(0), 4: use(9, ran=SECOND)}
    assert list(worth_noting(used, 2, SECOND)) == [2, 4, 3, 1]
    many = {number: use(200) for number in range(500)}
    assert len(worth_noting(many, 2, SECOND)) == 256


def test_the_threads_of_this_process() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    seen = look(os.getpid(), time.monotonic_ns())
    done.set()
    thread.join()
    assert thread.native_id is not None
    assert {os.getpid(), thread.native_id} <= seen.threads.keys()
    mine = seen.threads[os.getpid()]
    assert mine.ran > 0
    assert mine.began > 0
    assert look(1 << 30, 0).threads == {}


def test_of_too_many_none_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LOOKED_AT_MAX", 0)
    assert look(os.getpid(), 0).threads == {}
