"""The watchdog's thread: it ends and comes back, and a fork is not warned of because of it."""

from __future__ import annotations

import _thread
import os
import pickle
import signal
import sys
import threading
import warnings
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import lifecycle, native
from lifesign.agent.native import Ticker
from support.waiting import eventually


def test_a_fork_leaves_it_and_the_filters_as_they_were(started: Callable[..., Any]) -> None:
    eventually(lambda: len(os.listdir("/proc/self/task")) == 1, 15.0)  # what earlier tests have left, idle threads too
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


def test_it_takes_no_signal_but_those_of_its_own_faults() -> None:
    taken: list[set[int]] = []
    ticker = Ticker(0.0, lambda: taken.append(valid - signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    valid = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}  # these nobody can block
    ticker.start()
    eventually(lambda: bool(taken))
    ticker.stop()
    eventually(lambda: not ticker.is_there())
    assert {signal.Signals(number).name for number in taken[0]} == {
        "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"
    }  # fmt: skip


def test_as_if_on_3_12_the_filter_is_there_until_the_warning_has_come(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_WARNED", True)
    started()
    agent = lifecycle.peek()
    assert agent is not None
    ticker = agent.watchdog.thread
    monkeypatch.setattr(os, "listdir", lambda _: ["1", str(ticker._native_id)])  # no thread of another test's
    ticker.before_fork()
    assert warnings.filters[0] is ticker.filter
    ticker.after_warning()
    assert ticker.filter not in warnings.filters
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2", str(ticker._native_id)])
    ticker.before_fork()
    assert ticker.filter not in warnings.filters

    def not_shown(_: str) -> list[str]:
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(os, "listdir", not_shown)
    ticker.before_fork()
    ticker.after_warning()
    assert ticker.filter not in warnings.filters


def test_what_somebody_patched_is_taken_from_a_fresh_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _thread.allocate_lock
    monkeypatch.setattr(_thread, "allocate_lock", lambda: real())
    unpatched = native._unpatched(_thread, "allocate_lock")
    assert type(unpatched.allocate_lock) is type(len)
    assert _thread.allocate_lock is not real, "the patch stays"


def test_its_stack_is_the_systems_and_those_of_other_threads_as_the_program_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(native, "start_thread", lambda *_: sizes.append(_thread.stack_size(0)))
    before = _thread.stack_size(1 << 16)
    try:
        Ticker(1.0, lambda: None).start()
    finally:
        after = _thread.stack_size(before)
    assert (sizes, after) == ([0], 1 << 16)


def test_the_filter_matches_one_warning_of_a_process_with_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_started", set())  # no thread of another test's
    ticker = Ticker(1.0, lambda: None)
    ticker._there = ticker._exists = True
    warning = "This process (pid=1) is multi-threaded, use of fork() may lead to deadlocks in the child."
    _, message, *_ = ticker.filter
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2"])
    assert not message.match("something else is deprecated")
    with warnings.catch_warnings():
        warnings.filters.insert(0, ticker.filter)  # type: ignore[attr-defined]
        assert message.match(warning)
        assert ticker.filter not in warnings.filters
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2", "3"])
    assert not message.match(warning)
    other = Ticker(1.0, lambda: None)
    other._native_id = 3
    native._started.add(other)  # as beside the thread that takes an attached agent out
    assert message.match(warning)
    other._native_id = 4  # it has ended, or is the parent's
    assert not message.match(warning)


def test_where_there_are_no_filters_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_WARNED", True)
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2"])
    ticker = Ticker(1.0, lambda: None)
    ticker._there = ticker._exists = True
    monkeypatch.setattr(warnings, "filters", ())
    ticker.before_fork()
    assert warnings.filters == ()


def test_a_module_that_cannot_be_made_anew_is_used_as_it_is() -> None:
    patched = SimpleNamespace(select=lambda: None)
    assert native._unpatched(patched, "select") is patched


class SingleLoader(Loader):
    """Makes the same module again, as Python 3.9 does with some."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def create_module(self, _: object) -> ModuleType:
        return self.module

    def exec_module(self, module: Any) -> None:
        module.select = len


def test_a_module_that_is_made_anew_in_place_gets_its_patches_back() -> None:
    module: Any = ModuleType("single")
    module.__spec__ = ModuleSpec("single", SingleLoader(module))
    patch = module.select = lambda: None
    assert native._unpatched(module, "select").select is len
    assert module.select is patch


def test_a_thread_closes_what_it_keeps_when_it_ends() -> None:
    closed = threading.Event()
    made: list[int] = []

    class Kept:
        close = staticmethod(closed.set)

    def keep() -> Kept:
        made.append(threading.get_ident())
        return Kept()

    ticks: list[int] = []
    ticker = Ticker(0.001, lambda: ticks.append(0), keep=keep)
    ticker.start()
    eventually(lambda: len(ticks) > 3)
    assert len(made) == 1
    assert not closed.is_set()
    ticker.stop()
    assert closed.wait(10)
    assert made != [threading.get_ident()]


@pytest.mark.parametrize("missing", [False, True])
def test_what_ends_threads_is_loaded_where_it_can_be(missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def dlopen(name: str, flags: int) -> None:
        asked.append(name)
        raise OSError

    monkeypatch.setattr(native, "_ENDED_AT_EXIT", True)
    monkeypatch.setitem(sys.modules, "_ctypes", None if missing else SimpleNamespace(dlopen=dlopen))  # type: ignore[arg-type]
    native.load_what_ends_threads()
    assert asked == [] if missing else ["libgcc_s.so.1"]
