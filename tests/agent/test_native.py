"""The watchdog's thread: it ends and comes back, and a fork is not warned of because of it."""

from __future__ import annotations

import os
import pickle
import warnings
from typing import Any, Callable

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.native import Ticker
from support.waiting import eventually


def test_a_fork_leaves_it_and_the_filters_as_they_were(started: Callable[..., Any]) -> None:
    started()
    agent = lifecycle.peek()
    assert agent is not None
    before = list(warnings.filters)
    pid = os.fork()
    if not pid:
        os._exit(warnings.filters != before)
    assert os.waitpid(pid, 0)[1] == 0
    assert warnings.filters == before
    assert agent.watchdog.thread.is_there()


def test_the_filter_can_be_sent_elsewhere_and_matches_nothing_there() -> None:
    """Some hand `warnings.filters` on to their workers."""
    _, message, *_ = pickle.loads(pickle.dumps(Ticker(1.0, lambda: None).filter))
    assert message.match("This process (pid=1) is multi-threaded, use of fork() may lead to deadlocks") is None


def test_it_ends_and_comes_back(started: Callable[..., Any]) -> None:
    started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None
    ticker = agent.watchdog.thread
    lifesign.stop()
    eventually(lambda: not ticker.is_there())
    ticker.start()
    assert ticker.is_there()
    ticker.stop()
    eventually(lambda: not ticker.is_there())
