"""The two steps of an agent into a process that runs: imported beside it, then started in its main thread."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.attaching import entering
from lifesign.wire.folder import ATTACHED
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.01"}


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What `sys.modules` is to the code under test, which takes the package out of it."""
    found = {"lifesign": None, "lifesign.agent": None, "shop": None}
    version = (3, 15, 2)
    monkeypatch.setattr(entering, "sys", SimpleNamespace(modules=found, version_info=version))
    monkeypatch.setattr(entering, "forget_forks", lambda: None)
    monkeypatch.setattr(entering, "at_fork", lambda **_: None)
    for name, value in (("ours", False), ("waiting", 0), ("taken", False)):
        monkeypatch.setattr(entering._State, name, value)
    yield found
    eventually(lambda: not entering._State.waiting)


def prepared(ready: Path, ours: bool = True, seconds: float = 60.0) -> dict[str, Any]:
    entering.prepare(str(ready), ours, seconds)
    return dict(json.loads(eventually(lambda: ready.exists() and ready.read_text())))


@pytest.mark.parametrize("version", [(3, 15, 1), (3, 15, 2)])
def test_what_is_not_started_is_forgotten(version: tuple[int, ...], modules: dict[str, Any], tmp_path: Path) -> None:
    entering.sys.version_info = version  # type: ignore[assignment, misc]
    assert prepared(tmp_path / "ready") == {}
    eventually(lambda: entering._State.waiting)
    assert "lifesign" in modules
    (tmp_path / "ready").unlink()
    eventually(lambda: list(modules) == ["shop"])


def test_nobody_waits_for_ever(modules: dict[str, Any], tmp_path: Path) -> None:
    prepared(tmp_path / "ready", seconds=0.01)
    eventually(lambda: list(modules) == ["shop"])


def test_a_program_that_uses_the_package_keeps_it(modules: dict[str, Any], tmp_path: Path) -> None:
    prepared(tmp_path / "ready", ours=False, seconds=0.01)
    eventually(lambda: not entering._State.waiting)
    assert "lifesign" in modules


def test_it_is_started_and_says_where(modules: dict[str, Any], tmp_path: Path) -> None:
    prepared(tmp_path / "ready")
    run = tmp_path / "run"
    run.mkdir()
    order = (str(run), (), FAST, 0.0)
    entering._State.ours = False  # else the agent takes the package of all these tests along
    entering.enter(order, str(tmp_path / "answer"))
    folder = json.loads((tmp_path / "answer").read_text())["attached"]
    (tmp_path / "ready").unlink()
    eventually(lambda: not entering._State.waiting)
    assert "lifesign" in modules
    os.unlink(os.path.join(folder, ATTACHED))
    eventually(lambda: not os.path.exists(folder))
    assert lifecycle.peek() is None


def test_what_fails_is_an_answer(modules: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entering.enter((str(tmp_path / "gone"), (), FAST, 0.0), str(tmp_path / "answer"))
    assert "Error" in json.loads((tmp_path / "answer").read_text())["error"]
    monkeypatch.setattr(entering, "_ATTACHED", "lifesign.none")
    assert "ModuleNotFoundError" in prepared(tmp_path / "ready")["error"]
    assert list(modules) == ["shop"]
    entering.prepare(str(tmp_path / "no" / "folder"), True, 1.0)  # the command has gone


def test_where_no_thread_can_start_it_is_imported_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(entering.Ticker, "start", refuse)
    assert prepared(tmp_path / "ready") == {}
    assert sys.modules["lifesign"]
