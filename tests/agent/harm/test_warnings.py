"""A warning of the agent's waits for no log handler that hangs; the sidecar hears of it all the same."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from lifesign.agent import harmless


@pytest.mark.parametrize("name", ["lifesign", None])
def test_a_handler_that_another_thread_has_is_not_waited_for(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harmless, "_next_warning", 0.0)
    handler, had, done = logging.StreamHandler(io.StringIO()), threading.Event(), threading.Event()

    def writes_for_ever() -> None:
        handler.acquire()
        had.set()
        done.wait()
        handler.release()

    writing = threading.Thread(target=writes_for_ever, daemon=True)
    writing.start()
    had.wait()
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        complaining = threading.Thread(target=harmless.complain, args=("something failed",), daemon=True)
        complaining.start()
        complaining.join(5)
        assert not complaining.is_alive()
    finally:
        logger.removeHandler(handler)
        done.set()
        writing.join()


def test_a_handler_that_is_free_has_the_warning(caplog: pytest.LogCaptureFixture) -> None:
    harmless.complain("something failed", ValueError("why"))
    assert "something failed: ValueError: why" in caplog.text
