"""The program that another interpreter runs: it asks a process, wakes it and looks at it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


class Prctl:
    """Takes down what it is called with; a real filter would stay for good."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any) -> None:
        self.calls.append(arguments)


def test_where_reading_memory_is_refused_its_file_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    prctl, asked = Prctl(), []

    def refuse_once(pid: int, script: str) -> None:
        asked.append(script)
        if len(asked) == 1:
            raise PermissionError

    monkeypatch.setattr(sys, "remote_exec", refuse_once, raising=False)
    monkeypatch.setattr(injector.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(prctl=prctl))
    injector._ask(os.getpid(), "script.py")
    assert asked == ["script.py"] * 2
    assert [call[:2] for call in prctl.calls] == [(38, 1), (22, 2)]  # no new privileges; a filter
    assert struct.unpack_from("H", prctl.calls[1][2]) == (7,)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
    asked.clear()
    injector._ask(os.getpid(), "script.py")
    assert len(prctl.calls) == 2
