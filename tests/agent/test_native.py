"""The watchdog's thread beside a fork of the process."""

from __future__ import annotations

import os
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle
from support.waiting import eventually


def test_it_is_away_while_the_process_forks(started: Callable[..., Any]) -> None:
    started()
    agent = lifecycle.peek()
    assert agent is not None
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    assert agent.watchdog.thread.is_there()


def test_a_fork_that_finds_it_busy_does_not_wait_for_it(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None
    ticker = agent.watchdog.thread
    ticker.before_fork()
    ticker.before_fork()  # another thread forks too
    ticker.after_fork()
    ticker.after_fork()
    eventually(ticker.is_there)
    lifesign.stop()
    eventually(lambda: not ticker.is_there())
    ticker.before_fork()
    ticker.after_fork()
    assert not ticker.is_there()
