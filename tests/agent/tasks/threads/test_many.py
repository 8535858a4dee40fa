"""Of very many threads some are looked at: those of event loops always, which are the oldest."""

from __future__ import annotations

import threading

import pytest

from lifesign.agent.tasks.threads import look


def test_the_threads_of_event_loops_are_among_those_that_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "THREADS_MAX", 2)
    leave = threading.Event()
    threads = [threading.Thread(target=leave.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            seen = look.ThreadLook({thread.ident or 0: None}, ())
            assert thread.ident in seen.frames
            assert len(seen.frames) == 2
            assert seen.count >= len(threads)
    finally:
        leave.set()
        for thread in threads:
            thread.join()
