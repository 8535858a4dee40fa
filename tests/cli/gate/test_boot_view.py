"""What the gate shows of a stall: the tasks, where the process answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.gate import run as gate_run
from lifesign.cli.gate.verdict import STALLED, Outcome
from lifesign.cli.gate.view import Drawing
from lifesign.cli.output.terminal import console
from lifesign.settings import Settings
from lifesign.wire import layout
from support.made.answers import answering
from support.made.boards import snapshot
from support.made.dumps import answer, group
from support.mainprocess import Main


def test_who_was_there_before_proves_nothing(main: Callable[..., Main], run: Path) -> None:
    main()
    view = gate_run._BootView(str(run), Settings(environ={}), Drawing(console(stderr=True), ["app"], 1.0))
    assert view.look() == []
    main("4343-00000002")
    assert [one.pid for one in view.look()] == [4343]


@pytest.mark.parametrize("answers", [True, False])
def test_the_tasks_of_a_stall_are_shown(
    answers: bool,
    main: Callable[..., Main],
    run: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dump = answer(group(0, 3, "render"))

    def records(asked: int) -> list[Any]:
        return [*dump.groups, {**dump.dump, "request": asked}] if answers else []

    monkeypatch.setattr(gate_run, "_DUMP_SECONDS", 20.0 if answers else 0.02)
    view = gate_run._BootView(str(run), Settings(environ={}), Drawing(console(stderr=True), ["app"], 1.0))
    with answering(main(), layout.REQUEST_DUMP, records):
        view.show([], Outcome(STALLED, 2, "no event came", snapshot(pid=4242)))
    assert (view.answer is not None) == answers
    assert ("render" in capfd.readouterr().err) == answers
