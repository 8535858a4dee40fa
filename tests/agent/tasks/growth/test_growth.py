"""Threads that become more and more, by what they run, and executors; those that come and go are none."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks.growth import growth as module
from lifesign.agent.tasks.growth.growth import ThreadGrowth


class Poller(threading.Thread):
    def run(self) -> None:
        raise AssertionError


def watch() -> None:
    raise AssertionError


@pytest.fixture
def active(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """The threads that there are, none of which is started; the clock moves by ten seconds each time."""
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    monkeypatch.setattr(module, "THREADS_MIN", 4)
    found: dict[int, Any] = {threading.get_ident(): threading.current_thread()}  # who else asks for it finds it
    monkeypatch.setattr(threading, "_active", found)
    return found


def counted(growth: ThreadGrowth) -> list[tuple[str, str, int, int]]:
    growth.count()
    return [(one["type"], one["name"], one["size"], one["before"]) for one in growth.growing()]


def test_threads_of_one_function_that_become_more_and_more(active: dict[int, Any]) -> None:
    growth = ThreadGrowth()

    def more(of: Any, count: int) -> None:
        for _ in range(count):
            active[len(active)] = of()

    active[-1] = threading.Thread()  # of which nothing is known
    said = []
    for count in (2, 1, 1):
        more(Poller, count)
        more(lambda: threading.Thread(target=functools.partial(watch)), 2 * count)
        more(lambda: threading.Thread(target=SimpleNamespace()), 1)
        said.append(counted(growth))
    assert said == [[], [], [("thread", "watch", 8, 4), ("thread", "Poller.run", 4, 2)]]
    places = [one["puts"] for one in growth.growing()]
    assert [place is not None and (place["file"], place["line"] > 1) for place in places] == [(__file__, True)] * 2
    for _ in range(3):  # it still may go on
        more(Poller, 1)
        assert ("thread", "watch", 8, 4) in counted(growth)
    assert counted(growth) == [("thread", "Poller.run", 7, 2)]
    for key in [key for key, one in active.items() if one is not threading.current_thread()]:
        del active[key]
    assert counted(growth) == []
    more(Poller, 8)
    assert counted(growth) == []


def test_executors_that_nobody_shuts_down(active: dict[int, Any]) -> None:
    growth, pools = ThreadGrowth(), []
    every = dict[int, threading.Thread]()
    said = []
    try:
        for _ in range(4):
            for _ in range(2):
                pools.append(ThreadPoolExecutor(1))
                pools[-1].submit(int).result()
                every.update({id(one): one for one in pools[-1]._threads})
            active.update(every)
            said.append(counted(growth))
    finally:
        for pool in pools:
            pool.shutdown()
    assert said == [[], [], [("executor", "", 6, 2)], [("executor", "", 8, 2)]]
    assert growth.growing()[0]["puts"] is None
