"""A warning of the agent's waits for no log handler that hangs; the sidecar hears of it all the same."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any, Callable

import pytest

from lifesign.agent import harmless
from lifesign.agent.checks.registry import registry
from support.waiting import PATIENCE, eventually


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
        complaining.join(PATIENCE)
        assert not complaining.is_alive()
    finally:
        logger.removeHandler(handler)
        done.set()
        writing.join()


def test_a_handler_that_is_free_has_the_warning(caplog: pytest.LogCaptureFixture) -> None:
    harmless.complain("something failed", ValueError("why"))
    assert "something failed: ValueError: why" in caplog.text


def test_a_broken_log_handler_of_the_users_is_not_our_undoing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    handler = Broken()
    logging.getLogger("lifesign").addHandler(handler)
    try:
        harmless.complain("anything")
    finally:
        logging.getLogger("lifesign").removeHandler(handler)


def test_a_log_handler_that_hangs_does_not_hang_the_watchdog(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, go_on = threading.Event(), threading.Event()

    class Hangs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            hung.set()
            go_on.wait(10)

    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    failing: Callable[[], int] = registry.failing
    errors: list[OSError] = []

    def fails_at_times() -> int:
        if errors:
            raise errors.pop()
        return failing()

    def warned() -> bool:
        monkeypatch.setattr(harmless, "_next_warning", 0.0)
        errors.append(OSError("no checks today"))  # again: the watchdog of another test may have taken the first
        return any(one["text"].endswith("no checks today") for one in pulse.ring("agent_warning"))

    handler = Hangs()
    logging.getLogger("lifesign").addHandler(handler)
    try:
        monkeypatch.setattr(registry, "failing", fails_at_times)
        eventually(warned)
        assert not hung.is_set()
    finally:
        go_on.set()
        logging.getLogger("lifesign").removeHandler(handler)
