"""`run.json`: what the supervisor writes about CMD."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lifesign.wire.runfile import RunFile, signal_name


def content(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return found


def test_it_is_replaced_as_a_whole(run: Path) -> None:
    run_file = RunFile(str(run), 42)
    run_file.asked(signal.SIGTERM)
    with open(run / "run.json") as before:
        run_file.ended(-9)
        kept = json.load(before)
    assert kept.pop("asked_at") is not None
    assert kept == {"pid": 42, "asked": "SIGTERM", "exit_code": None, "signal": None}
    assert content(run)["signal"] == "SIGKILL"
    assert os.listdir(run) == ["run.json"]


def test_it_says_when_the_end_was_asked_for(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(100, 1000, 100))
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(times))
    run_file = RunFile(str(run), 42)
    run_file.asked(signal.SIGINT)
    run_file.asked(signal.SIGINT)  # Ctrl-C twice: it was asked for at the first
    assert content(run)["asked_at"] == 100
    run_file.asked(signal.SIGHUP)
    run_file.asked(signal.SIGHUP)  # two reloads
    assert content(run)["asked_at"] == 300
    run_file.asked(signal.SIGTERM)
    run_file.ended(3)
    assert content(run) == {"pid": 42, "asked": "SIGTERM", "asked_at": 400, "exit_code": 3, "signal": None}


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize(("directory", "file"), [(0o700, 0o600), (0o750, 0o640), (0o2770, 0o640), (0o1777, 0o644)])
def test_who_may_read_the_directory_may_read_it(run: Path, umask: int, directory: int, file: int) -> None:
    run.chmod(directory)
    before = os.umask(umask)
    try:
        RunFile(str(run), 42)
    finally:
        os.umask(before)
    assert (run / "run.json").stat().st_mode & 0o777 == file


def test_a_real_time_signal_has_a_number() -> None:
    assert signal_name(signal.SIGRTMIN + 1) == "SIG35"
