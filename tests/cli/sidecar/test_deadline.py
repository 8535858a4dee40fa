"""The end of the sidecar comes in time."""

from __future__ import annotations

import threading

import pytest

from lifesign.cli.sidecar import deadline
from lifesign.cli.sidecar.deadline import Deadline


def test_all_of_the_time_is_left_until_it_begins() -> None:
    one = Deadline(60.0)
    assert one.left() == 60.0
    one.begin()
    assert 0.0 < one.left() < 60.0


def test_whoever_is_still_there_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "GRACE", 0.0)
    left = threading.Semaphore(0)
    one = Deadline(0.0, left.release)
    one.begin()
    one.begin()
    assert left.acquire(timeout=60)
    assert one.left() == 0.0
    assert not left.acquire(timeout=0.05), "once"


def test_a_reason_to_stay_lifts_it_until_the_end_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "GRACE", 60.0)
    left = threading.Semaphore(0)
    one = Deadline(0.0, left.release)
    one.lift()
    one.begin()
    timer = one._timer
    assert timer is not None
    one.lift()
    timer.join()  # it has ended, long before its time
    assert not left.acquire(blocking=False)
    monkeypatch.setattr(deadline, "GRACE", 0.0)
    one.begin()
    assert left.acquire(timeout=60)
