"""A start that comes at an odd moment or place, and an end where nothing was begun."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import lifesign
from lifesign.agent import lifecycle


def test_at_the_end_of_a_process_that_is_not_watched_there_is_nothing_to_do(tmp_path: Path) -> None:
    lifecycle._at_exit(lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_goes_on_elsewhere_is_another_one_there(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert lifesign.start(str(tmp_path / name))
        lifesign.stop()
        assert len(list((tmp_path / name).iterdir())) == 1


def test_a_call_in_the_middle_of_the_start_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[bool] = []
    agent = lifecycle.Agent

    def starting(*arguments: Any) -> Any:
        inside.append(lifesign.start(str(tmp_path)))
        return agent(*arguments)

    monkeypatch.setattr(lifecycle, "Agent", starting)
    assert lifesign.start(str(tmp_path))
    assert inside == [False]


def test_a_start_that_a_signal_handler_ends_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGUSR2, too_late)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(lifecycle, "Agent", lambda *_: os.kill(os.getpid(), signal.SIGUSR2) or time.sleep(60))
            with pytest.raises(TimeoutError):
                lifesign.start(str(tmp_path))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert lifesign.start(str(tmp_path))


def test_who_may_not_write_there_is_told_whose_directory_it_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lifecycle, "Agent", refused)
    assert not lifesign.start(str(tmp_path))
    assert f"its user ({os.geteuid()}) may not write there" in caplog.text


def test_a_child_of_multiprocessing_ends_by_finalizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import util

    monkeypatch.setattr(util, "_finalizer_registry", {})
    assert lifesign.start(str(tmp_path))
    (finalizer,) = util._finalizer_registry.values()
    finalizer()
    assert lifecycle.peek() is not None
    assert len(list(tmp_path.glob("*/pulse"))) == 1
