"""A signal that was sent to all of a process group reaches CMD once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from lifesign.cli.supervise import sentinel as sentinel_module
from lifesign.cli.supervise.sentinel import Sentinel
from support.waiting import eventually


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sentinel]:
    monkeypatch.setattr(sentinel_module, "_WINDOW", 10.0)
    one = Sentinel()
    yield one
    one.close()


def test_what_it_got_too_was_sent_to_all(sentinel: Sentinel) -> None:
    first = sentinel.pid
    assert first is not None
    os.kill(first, signal.SIGINT)

    assert sentinel.saw(signal.SIGINT)
    assert sentinel.pid not in (None, first)  # nothing is pending any more


def test_a_second_one_at_once_is_the_same(sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel_module, "_SAME", 60.0)
    assert sentinel.pid is not None
    os.kill(sentinel.pid, signal.SIGTERM)
    assert sentinel.saw(signal.SIGTERM)
    assert sentinel.saw(signal.SIGTERM)

    monkeypatch.setattr(sentinel_module, "_WINDOW", 0.0)
    assert not sentinel.saw(signal.SIGINT)


def test_what_it_did_not_get_was_sent_to_us(sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel_module, "_WINDOW", 0.0)
    assert sentinel.pid is not None
    os.kill(sentinel.pid, signal.SIGUSR1)
    eventually(lambda: sentinel._is_pending(signal.SIGUSR1))

    assert not sentinel.saw(signal.SIGUSR2)


def test_without_one_every_signal_is_ours(sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sentinel.pid is not None
    os.kill(sentinel.pid, signal.SIGKILL)
    os.waitpid(sentinel.pid, 0)
    sentinel.ended()
    assert not sentinel.saw(signal.SIGINT)

    monkeypatch.setattr(sentinel_module, "_PROGRAM", "no-such-program")
    other = Sentinel()
    assert other.pid is None
    assert not other.saw(signal.SIGINT)
    other.close()


def test_it_ends_with_us(sentinel: Sentinel) -> None:
    pid = sentinel.pid
    assert pid is not None
    os.close(sentinel._stdin_writer)
    assert os.waitpid(pid, 0) == (pid, 0)
    sentinel.ended()
    sentinel._stdin_writer = os.open(os.devnull, os.O_WRONLY)
