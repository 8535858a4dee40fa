"""Where every loop passes: what comes of an error of ours there, and of one of the program's."""

from __future__ import annotations

import _thread
import signal
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent import hook


class TooLateError(Exception):
    """What a handler raises, to end whatever it interrupts."""


def too_late(*_: object) -> None:
    raise TooLateError


def broken(_: Any) -> None:
    raise ValueError("a mistake of ours")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As `asyncio.events`, in a program without its package."""
    monkeypatch.setitem(sys.modules, "asyncio", None)  # type: ignore[arg-type]
    return SimpleNamespace(_set_running_loop=lambda loop: None)


def test_an_error_of_ours_is_the_last(events: Any) -> None:
    seen: list[Any] = []

    def changed(loop: Any) -> None:
        seen.append(loop)
        broken(loop)

    hook.observe(events, changed)
    hook.observe(events, changed)  # once
    events._set_running_loop("one")
    events._set_running_loop(None)
    assert seen == ["one"]


def test_what_a_signal_handler_raises_is_the_programs(events: Any) -> None:
    hook.observe(events, too_late)
    before = signal.signal(signal.SIGUSR2, too_late)
    try:
        with pytest.raises(TooLateError):
            events._set_running_loop("one")
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_loop_that_a_signal_handler_ended_as_it_started_is_cleaned_up(events: Any) -> None:
    """Since Python 3.13 the loop itself does it only for what is raised once it runs."""
    cleaned: list[str] = []
    loop = SimpleNamespace(_run_forever_cleanup=lambda: cleaned.append("up"))

    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    hook.observe(events, interrupted)
    with pytest.raises(KeyboardInterrupt):
        events._set_running_loop(loop)
    with pytest.raises(KeyboardInterrupt):
        events._set_running_loop(None)  # as it ends it is in the middle of that
    assert cleaned == ["up"]


def test_where_there_are_no_subinterpreters_this_is_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_thread, "_is_main_interpreter", raising=False)  # Python 3.12 and newer have it
    monkeypatch.setitem(sys.modules, "_xxsubinterpreters", None)
    assert hook.in_main_interpreter()


def test_what_the_interpreter_says_of_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for main in (True, False):
        monkeypatch.setattr(_thread, "_is_main_interpreter", lambda main=main: main, raising=False)
        assert hook.in_main_interpreter() == main
