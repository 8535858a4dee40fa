"""``lifesign attach`` and ``detach`` of this very process: the script runs here, and not by way of the kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent import lifecycle
from lifesign.cli.attaching import entry, outside, process
from lifesign.cli.attaching.leaving import leave
from lifesign.errors import NotAnsweredError, NotWatchedError, RunDirectoryError
from support.commands import Ended
from support.waiting import eventually

Cli = Callable[..., Ended]
PID = str(os.getpid())
FIFO = "a FIFO"
GONE = str(2**22)  # more than the kernel numbers


def ran_here(_: Any, script: str, *__: Any) -> dict[str, Any]:
    exec(Path(script).read_text(), {})
    return {"answered": True}


@pytest.fixture
def reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This Python takes code from outside."""
    monkeypatch.setattr(process, "OLDEST", sys.version_info[:2])
    monkeypatch.setattr(entry, "_inject", ran_here)
    monkeypatch.setenv("LIFESIGN_HEARTBEAT_INTERVAL", "0.01")
    directory = tmp_path / "run"
    directory.mkdir()
    yield directory
    assert lifecycle.peek() is None
    assert list(directory.iterdir()) == []


def test_in_and_out(cli: Cli, reachable: Path) -> None:
    attached = cli("attach", PID, "--dir", str(reachable))
    assert attached.code == 0, attached
    assert f"attached to process {PID}" in attached.err + attached.out
    again = cli("attach", PID)
    assert (again.code, "is watched already" in again.err + again.out) == (0, True)
    detached = cli("detach", PID)
    assert (detached.code, f"detached from process {PID}" in detached.err + detached.out) == (0, True)
    twice = cli("detach", PID)
    assert (twice.code, "there is no agent" in twice.err) == (1, True), twice


def test_for_a_while(cli: Cli, reachable: Path) -> None:
    ended = cli("attach", PID, "--dir", str(reachable), "--for", "0.05s")
    assert ended.code == 0, ended
    assert f"detached from process {PID}" in ended.err + ended.out


def test_what_a_process_answers_is_said(
    cli: Cli, reachable: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answers(said: dict[str, Any], answer: str | None = None) -> Ended:
        def inject(_: Any, __: str, path: str, ___: float) -> dict[str, Any]:
            Path(path.replace("-prepare", "-ready")).write_text("{}")
            if answer == FIFO:
                os.mkfifo(path)
            elif answer is not None:
                Path(path).write_text(answer)
            return said

        monkeypatch.setattr(entry, "_inject", inject)
        return cli("attach", PID, "--dir", str(reachable))

    busy = [[7, [["idle", "pool.py", 9]]], [os.getpid(), [["render", "shop.py", 8]]]]
    monkeypatch.setattr(outside, "_py_spy", lambda: None)
    rows = [
        (answers({"answered": False, "stacks": busy, "woken": True}), "it is in a call in C from render (shop.py:8)"),
        (answers({"answered": False, "stacks": [], "woken": False}), "ran no Python for 5 s;"),
        (answers({"answered": False, "stacks": [], "woken": False}), "it could not be woken"),
        (answers({"error": "OSError: something else"}), "cannot be asked: OSError: something else"),
        (answers({"error": "RuntimeError: Can't find the main thread"}), "starts or ends at this moment"),
        (answers({"answered": True}, '{"error": "KeyError: 7"}'), "could not be started in process"),
        (answers({"answered": True}), "its answer cannot be read"),
        (answers({"answered": True}, "[]"), "its answer cannot be read"),
        (answers({"answered": True}, '{"attached": 7}'), "its answer cannot be read"),
        (answers({"answered": True}, "[" * 60_000), "its answer cannot be read"),
        (answers({"answered": True}, FIFO), "its answer cannot be read"),
        (answers({"error": "PermissionError: no"}), f"process {PID}"),
    ]
    monkeypatch.setattr(entry, "has_ptrace", lambda: False)
    rows.append((answers({"error": "RuntimeError: PyRuntime"}), f"process {PID}"))
    assert [text for ended, text in rows if ended.code == 0 or text not in ended.err] == []
    shown = f"Thread {PID} (main)\n    render (shop.py:8)\nThread 7\n    idle (pool.py:9)\n"
    assert [ended.out for ended, _ in rows if ended.out] == [shown]
    there = answers({"answered": True}, '{"watched": "/srv/elsewhere/1-00000000"}')
    assert (there.code, "is watched already, in /srv/elsewhere" in there.err + there.out) == (0, True)


def test_an_interpreter_that_cannot_ask_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = process.find(os.getpid())
    for interpreter, environ in ((sys.executable, {}), ("/bin/false", {"PYTHONHOME": sys.base_prefix}), ("/no", {})):
        asked = found._replace(pid=int(GONE), interpreter=interpreter, environ=environ)
        assert entry._inject(asked, str(tmp_path / "script"), str(tmp_path / "answer"), 0.01)["error"]


def test_what_cannot_be_is_a_clear_error(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "OLDEST", (9, 0))
    monkeypatch.setattr(outside, "_py_spy", lambda: None)
    rows = [
        (("attach", GONE), "there is no process"),
        (("attach", PID), "takes no code from outside"),
        (("attach", PID, "--for", "soon"), "--for 'soon' cannot be used"),
        (("attach", PID, "--timeout", "0"), "a number of seconds above 0"),
        (("detach", PID, "--timeout", "0"), "a number of seconds above 0"),
        (("detach", PID), "there is no agent in process"),
    ]
    ended = [(cli(*line), text) for line, text in rows]
    assert [(one, text) for one, text in ended if one.code == 0 or text not in one.err] == []
    assert lifecycle.start(str(tmp_path)) is not None
    try:
        started = cli("detach", PID)
        assert (started.code, "it started with it, and stays" in started.err) == (3, True), started
    finally:
        agent = lifecycle.leave()
        assert agent is not None
        eventually(lambda: not agent.watchdog.thread.is_there())
        agent.close()


def test_an_agent_that_stays_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAnsweredError, match="has not left within 0 s"):
        leave(str(tmp_path), os.getpid(), 0.0)
    assert leave(str(tmp_path), int(GONE), 0.0) == f"process {GONE} has ended"  # its folder stays

    def unlink(_: str) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(RunDirectoryError, match="you may not write to"):
        leave(str(tmp_path), 7, 0.0)


def test_the_stacks_of_an_older_python_are_shown_where_py_spy_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    py_spy = tmp_path / "py-spy"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    found = process.RunningPython(7, (3, 11), "", {})
    assert "pip install 'lifesign[attach]'" in outside.too_old(found).hint
    for script, what, shown in (
        ("#!/bin/sh\necho 'render (shop.py:8)'\n", "above are its stacks", "render (shop.py:8)\n"),
        ("#!/bin/sh\nexit 1\n", "could not read its stacks", ""),
    ):
        py_spy.write_text(script)
        py_spy.chmod(0o755)
        assert what in outside.too_old(found).what
        assert capsys.readouterr().out == shown
    py_spy.write_text("no program")
    assert "could not read its stacks" in outside.too_old(found).what


def test_where_the_imports_take_long_it_is_started_all_the_same(
    cli: Cli, reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "_IMPORT_SECONDS", 0.05)

    def inject(_: Any, script: str, path: str, ___: float) -> dict[str, Any]:
        if script.endswith("-prepare.py"):  # its thread does not get the GIL
            Path(path).write_text("{}")
            return {"answered": True}
        return ran_here(None, script)

    monkeypatch.setattr(entry, "_inject", inject)
    assert cli("attach", PID, "--dir", str(reachable), "--for", "0.05s").code == 0


def test_one_at_a_time(cli: Cli, reachable: Path) -> None:
    with process.alone(os.getpid(), 1.0):
        refused = cli("attach", PID, "--dir", str(reachable), "--timeout", "0.1")
    assert (refused.code, "another lifesign attach" in refused.err) == (2, True)


def test_a_process_that_ended_before_its_turn_is_no_traceback() -> None:
    with pytest.raises(NotWatchedError, match="has ended meanwhile"), process.alone(0x7FFFFFFF, 0.0):
        pass


def test_who_ends_meanwhile_has_ended(cli: Cli, reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_inject", lambda *_: {"error": "RuntimeError: no PyRuntime"})
    monkeypatch.setattr(entry, "is_there", lambda _: False)
    ended = cli("attach", PID, "--dir", str(reachable))
    assert (ended.code, f"process {PID} has ended meanwhile" in ended.err) == (1, True)


def test_a_run_directory_that_cannot_be_written_is_said(
    cli: Cli, reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    ended = cli("attach", PID, "--dir", str(reachable))
    assert (ended.code, f"{reachable} cannot be written: No space left" in ended.err) == (3, True), ended
