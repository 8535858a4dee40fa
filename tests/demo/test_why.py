"""The demo says why, where somebody watches it; a newer question takes the place of an older one."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from lifesign.demo.why import Why


def test_at_most_one_question_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    ended: list[str] = []

    class Asking:
        def __init__(self, command: list[str], **_: Any) -> None:
            asked.append(command[3:])

        def terminate(self) -> None:
            ended.append("terminated")

        def wait(self) -> None:
            ended.append("waited")

    monkeypatch.setattr(subprocess, "Popen", Asking)
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    Why().ask(1)
    assert asked == []
    monkeypatch.setenv("LIFESIGN_DIR", "/run/lifesign")
    why = Why()
    why.ask(1)
    why.ask(2)
    why.close()
    why.close()
    assert [one[:3] for one in asked] == [
        ["1", str(os.getpid()), "/run/lifesign"],
        ["2", str(os.getpid()), "/run/lifesign"],
    ]
    assert ended == ["terminated", "waited"] * 2
