"""The end of a child of multiprocessing, whose finalizers run before its threads are waited for."""

from __future__ import annotations

import threading

import pytest

from lifesign.agent import lifecycle


@pytest.mark.parametrize(("beating", "waits", "ends"), [(1, True, 0), (1, False, 1), (0, True, 1)])
def test_a_loop_that_goes_on_in_a_thread_has_not_ended(
    beating: int, waits: bool, ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[object] = []
    monkeypatch.setattr(lifecycle, "_at_exit", ended.append)
    monkeypatch.setattr(lifecycle._beats, "beating", lambda: beating)
    monkeypatch.setattr(lifecycle, "_has_threads_to_wait_for", lambda: waits)
    lifecycle._at_exit_of_child()
    assert len(ended) == ends


@pytest.mark.parametrize("daemon", [True, False])
def test_threads_that_are_waited_for(daemon: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(threading, "_active", {})
    thread = threading.Thread(target=goes_on.wait, daemon=daemon)
    thread.start()
    assert lifecycle._has_threads_to_wait_for() is not daemon
    goes_on.set()
    thread.join()
