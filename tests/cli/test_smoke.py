"""`lifesign smoke`, with small programs in the place of CMD and without a Collector."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Sequence

import pytest

from lifesign.cli.gate import gate as gate_module
from lifesign.cli.gate import run
from lifesign.cli.gate.gate import Gate, Terms
from lifesign.cli.gate.verdict import Outcome
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.errors import RunDirectoryError
from lifesign.watch.telemetry import Snapshot
from support.commands import Ended, processes
from support.made.seen import snapshot
from support.waiting import eventually

Cli = Callable[..., Ended]
SLEEP = ["/bin/sh", "-c", "echo $$ >pid; exec sleep 60"]
SERVICE = """\
import asyncio, sys, lifesign
async def main():
    lifesign.checkpoint("config loaded")
    if "event" in sys.argv:
        lifesign.event("order")
    await asyncio.sleep(60)
asyncio.run(main())
"""


Look = Callable[[], Sequence[Snapshot]]
Show = Callable[[Sequence[Snapshot], "Outcome | None"], None]


class Passed(NamedTuple):
    """What a gate came to, and the process that it was about."""

    outcome: Outcome | None
    kept: bool
    pid: int


pytestmark = pytest.mark.usefixtures("no_other_thread")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gate_module, "_POLL", 0.005)


def gate(
    tmp_path: Path,
    looks: Sequence[Sequence[Snapshot]],
    command: Sequence[str] = SLEEP,
    *,
    timeout: float = 8.0,
    keep: bool = False,
    show: Show = lambda _, __: None,
) -> Passed:
    """A gate that sees `looks`, one after the other, the last one for ever."""
    left = list(looks)

    def look() -> Sequence[Snapshot]:
        return left.pop(0) if len(left) > 1 else left[0]

    return made(tmp_path, command, Terms(True, timeout, keep), look, show)


def made(tmp_path: Path, command: Sequence[str], terms: Terms, look: Look, show: Show) -> Passed:
    supervisor = Supervisor(list(command), dict(os.environ), Beside(None, {}, str(tmp_path), 5))
    one = Gate(supervisor, terms, look, show)
    one.run()
    return Passed(one.outcome, one.kept, supervisor.pid)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_state(tmp_path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((tmp_path / "run.json").read_text())
    return content


def test_what_is_alive_is_ended_and_that_was_asked_for(tmp_path: Path) -> None:
    shown: list[str] = []
    passed = gate(
        tmp_path,
        [[], [snapshot()], [snapshot(boot="complete")]],
        show=lambda seen, outcome: shown.append(f"{len(seen)} {outcome.verdict if outcome else ''}"),
    )
    assert passed.outcome is not None
    assert passed.outcome.exit_code == 0
    assert shown == ["0 ", "1 ", "1 alive"]
    assert not is_there(passed.pid)
    assert run_state(tmp_path)["asked"] == "SIGTERM"


def test_what_is_kept_goes_on(tmp_path: Path) -> None:
    passed = gate(tmp_path, [[snapshot(boot="complete")]], keep=True)
    try:
        assert passed.kept
        assert is_there(passed.pid)
        state = run_state(tmp_path)
        assert state.pop("pid") == passed.pid
        assert set(state.values()) == {None}
    finally:
        os.kill(passed.pid, signal.SIGKILL)
        os.waitpid(passed.pid, 0)


def test_how_it_ended_is_there_to_be_seen_before_the_verdict(tmp_path: Path) -> None:
    codes: list[object] = []
    passed = gate(tmp_path, [[]], ["/bin/sh", "-c", "exit 3"],
                  show=lambda _, __: codes.append(run_state(tmp_path)["exit_code"]))  # fmt: skip
    assert passed.outcome is not None
    assert passed.outcome.why == "CMD ended with exit code 3 before it was alive"
    assert codes[-1] == 3


def test_what_will_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate_module, "_PATIENCE", 0.05)
    deaf = ["/bin/sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 0.05; done"]

    def show(_: object, outcome: object) -> None:
        if outcome is not None:
            eventually((tmp_path / "deaf").exists)

    passed = gate(tmp_path, [[snapshot(boot="complete")]], deaf, show=show)
    assert not is_there(passed.pid)
    assert "CMD did not end within 0.05 s of SIGTERM and was killed" in capfd.readouterr().err


def test_an_interrupted_wait_is_no_stall(tmp_path: Path) -> None:
    def show(_: object, outcome: object) -> None:
        if outcome is None and (tmp_path / "pid").exists():
            os.kill(os.getpid(), signal.SIGTERM)

    passed = gate(tmp_path, [[]], show=show)
    assert passed.outcome is not None
    assert (passed.outcome.verdict, passed.outcome.exit_code) == ("interrupted", 128 + signal.SIGTERM)


def test_a_gate_that_breaks_leaves_nothing_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def look() -> Sequence[Snapshot]:
        raise RunDirectoryError("it is gone")

    broken = made(tmp_path, SLEEP, Terms(True, 8), look, lambda _, __: None)
    assert broken.outcome is None
    assert not is_there(broken.pid)
    assert "RunDirectoryError: it is gone" in capfd.readouterr().err


def test_a_service_that_works_is_alive(cli: Cli, tmp_path: Path) -> None:
    ended = cli(
        "smoke", "--timeout", "20", "--report", "r.json", "--", sys.executable, "-c", SERVICE, "event", "secret"
    )
    assert ended.code == 0
    assert "secret" not in ended.err + (tmp_path / "r.json").read_text()
    assert "config loaded" in ended.err
    assert "8/8  complete" in ended.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert [one["name"] for one in report["checkpoints"] if one["number"]] == [
        "started", "timeout configured", "booting", "waiting for first event", "first event received",
        "post-conditions", "complete",
    ]  # fmt: skip
    assert len(report["trace"]) == 32


def test_what_is_kept_is_said(cli: Cli, capfd: pytest.CaptureFixture[str]) -> None:
    ended = cli("smoke", "--keep", "--timeout", "20", "--", sys.executable, "-c", SERVICE, "event")
    *_, kept, verdict = ended.err.splitlines()
    words = kept.split()
    pid = int(words[words.index("process") + 1].rstrip(";"))
    directory = words[words.index("--dir") + 1].rstrip(";")
    try:
        assert (ended.code, verdict.partition(":")[0]) == (0, "alive")
        shown = cli("status", "--dir", directory, "--json")
        assert [one["pid"] for one in processes(shown.out)] == [pid]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        top = Path(directory)  # root's is inside a private one
        shutil.rmtree(top if top.name.startswith("lifesign-") else top.parent)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "lifesign smoke -- python app.py"),
        (["--", "/nonexistent/program"], "/nonexistent/program: not found"),
        (["--timeout", "soon", "--", "true"], "--boot-timeout='soon' cannot be used"),
        (["--until", "later", "--", "true"], "--until=(not shown) cannot be used: it wants event, or tcp:PORT"),
        (["--report", "r.txt", "--", "true"], "--report r.txt"),
    ],
)
def test_usage_and_configuration(argv: list[str], said: str, cli: Cli) -> None:
    ended = cli("smoke", *argv)
    assert (ended.code, said in ended.err) == (3, True), ended.err


def test_no_verdict_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Sequence[Snapshot]:
        raise RunDirectoryError("it is gone")

    monkeypatch.setattr(run, "poll_once", broken)
    began = time.monotonic()
    ended = cli("smoke", "--", "/bin/sleep", "60")
    assert ended.code == 1
    assert "smoke ended without a verdict" in ended.err
    assert time.monotonic() - began < 30  # it did not wait for CMD
