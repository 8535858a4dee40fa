"""The program that another interpreter runs: it asks a process, wakes it and looks at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.cli.attaching import injector

ASLEEP = [sys.executable, "-c", "import select, sys; print(); sys.stdout.flush(); select.select([], [], [], 60)"]


def test_a_process_that_is_not_there_is_an_error() -> None:
    said = injector.main(2**22, os.devnull, os.devnull, 0.0)
    assert list(said) == ["error"]


def test_who_answers_and_who_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injector, "_NUDGE_SECONDS", 0.0)
    ran: list[str] = []
    monkeypatch.setattr(sys, "remote_exec", lambda _, script: ran.append(script), raising=False)
    answer = tmp_path / "answer.json"
    with subprocess.Popen(ASLEEP, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        silent = injector.main(process.pid, "script.py", str(answer), 0.05)
        assert process.poll() is None  # it was woken, and sleeps on
        process.kill()
    assert silent["answered"] is False
    assert ran == ["script.py", os.devnull]  # nothing starts later
    answer.write_text(json.dumps({}))
    assert injector.main(process.pid, "script.py", str(answer), 0.05) == {"answered": True}
    assert injector._stacks(process.pid) == []
