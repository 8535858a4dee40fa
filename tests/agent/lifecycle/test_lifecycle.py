"""The agent of one process: it starts once, ends with a tombstone, and never harms its host."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from pathlib import Path
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent import harmless, lifecycle
from lifesign.agent.exceptions import failure
from support.waiting import eventually


def test_without_a_run_directory_every_call_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lifesign.event("order")
    lifesign.checkpoint("config loaded")
    lifesign.dump_tasks()
    assert not lifesign.start()
    assert lifecycle.peek() is None
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_named_after_the_process_and_complete_when_it_appears(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    started()
    (folder,) = tmp_path.iterdir()
    pid, _, rest = folder.name.partition("-")
    assert pid == str(os.getpid())
    assert len(rest) == 8
    assert sorted(file.name for file in folder.iterdir()) == ["life", "pulse", "requests"]


@pytest.mark.parametrize(
    ("directory", "read", "asked"), [(0o700, 0o600, 0o600), (0o770, 0o640, 0o660), (0o777, 0o644, 0o666)]
)
def test_ours_grants_what_the_run_directory_grants_but_no_writing(
    tmp_path: Path, directory: int, read: int, asked: int
) -> None:
    tmp_path.chmod(directory)
    assert lifesign.start(str(tmp_path))
    (made,) = tmp_path.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == directory
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in made.iterdir()}
    # Whoever could shorten the pulse would end the service by SIGBUS.
    assert modes == {"life": read, "pulse": read, "requests": asked}


def test_starting_and_stopping_twice_warns_and_does_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lifesign.start(str(tmp_path))
    agent = lifecycle.peek()
    assert lifesign.start(str(tmp_path))
    assert lifecycle.peek() is agent
    assert "the agent runs already" in caplog.text
    lifesign.stop()
    monkeypatch.setattr(harmless, "_next_warning", 0.0)
    lifesign.stop()
    assert "no agent runs" in caplog.text
    lifesign.event("after the end")
    assert lifecycle.peek() is None
    assert lifesign.start(str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1  # the process is the same


async def test_the_tombstone_has_the_totals(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    for _ in range(3):
        lifesign.event("order")
    await asyncio.to_thread(eventually, lambda: any(one and one.beats >= 5 for one in pulse.reader.vitals().loops))
    before = time.time_ns()
    lifesign.stop()
    tombstone = json.loads(pulse.reader.tombstone())
    assert (tombstone["how"], tombstone["error"], tombstone["events"]) == ("clean", None, 3)
    assert tombstone["beats"] >= 5
    assert before <= tombstone["ended"] <= time.time_ns()


def test_an_exception_that_ended_the_program_is_on_the_tombstone(
    started: Callable[..., Any],
) -> None:
    pulse = started()
    lifecycle._at_exit(lambda: ValueError("no rules" + "!" * 5000))
    tombstone = json.loads(pulse.reader.tombstone())
    assert tombstone["how"] == "exception"
    assert tombstone["error"]["type"] == "ValueError"
    assert tombstone["error"]["message"].startswith("no rules!!!")


def test_an_impatient_second_ctrl_c_still_leaves_a_tombstone(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = started()
    agent = lifecycle.peek()
    assert agent is not None
    write = agent.pulse.write_tombstone
    calls: list[int] = []

    def interrupted(content: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        write(content)

    monkeypatch.setattr(agent.pulse, "write_tombstone", interrupted)
    lifecycle._at_exit(lambda: None)
    assert json.loads(pulse.reader.tombstone())["how"] == "clean"


@pytest.mark.parametrize("trouble", ["missing", "a file"])
def test_a_run_directory_that_cannot_be_used_is_one_warning_and_no_agent(
    trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run"
    if trouble == "a file":
        path.write_text("")
    monkeypatch.setenv("LIFESIGN_DIR", str(path))
    for _ in range(100):
        lifesign.event("order")
        lifesign.checkpoint("config loaded")
    assert len(caplog.records) == 1
    assert f"cannot watch this process in {path}" in caplog.text
    assert "the service continues without it" in caplog.text


def test_a_malformed_setting_is_a_warning_and_the_default(
    started: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    pulse = started(BOOT_TIMEOUT_S="soon")
    assert "BOOT_TIMEOUT_S='soon' cannot be used" in caplog.text
    assert json.loads(pulse.reader.identity())["boot_timeout"] == 8.0


def test_a_failure_of_ours_is_one_warning_a_minute(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(agent.pulse.events, "count", fails)
    monkeypatch.setattr(agent.boot.checkpoints, "mark", fails)
    for _ in range(50):
        lifesign.event("order")
        with lifesign.checkpoint("x"):
            pass
    assert len(caplog.records) == 1
    assert "the disk is gone" in caplog.text

    def warned() -> list[dict[str, Any]]:
        monkeypatch.setattr(harmless, "_next_warning", 0.0)
        lifesign.event("order")  # again: the watchdog of another test may have taken the first
        return list(pulse.ring("agent_warning"))

    warning = eventually(warned)[0]
    assert warning["text"].endswith(": OSError: the disk is gone")
    assert warning["count"] >= 1


def test_an_exception_whose_text_cannot_be_read() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert failure(SilentError())["message"] == "<its message cannot be read>"


def test_harmless_lets_through_what_is_not_an_error_of_ours() -> None:
    with pytest.raises(KeyboardInterrupt), harmless.harmless:
        raise KeyboardInterrupt


def test_the_watchdog_is_a_daemon_and_beats_until_it_is_stopped(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None
    first = pulse.reader.vitals().watchdog
    eventually(lambda: pulse.reader.vitals().watchdog.beats > first.beats + 3)
    lifesign.stop()
    eventually(lambda: not agent.watchdog.thread.is_there())


def test_a_watchdog_that_meets_a_surprise_goes_on(started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    agent = lifecycle.peek()
    assert agent is not None
    failed: list[int] = []

    def fails() -> bool:
        failed.append(1)
        raise RuntimeError("surprise")

    monkeypatch.setattr(agent.boot, "overdue", fails)
    eventually(lambda: len(failed) > 2)
    assert pulse.reader.vitals().watchdog.beats > 2


def test_a_request_is_answered_with_its_count(started: Callable[..., Any]) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    assert pulse.reader.request(0) == 1
    eventually(lambda: pulse.reader.vitals().watchdog.dumps == 1)
    (summary,) = pulse.ring("task_dump")
    assert (summary["reason"], summary["request"]) == ("request", 1)


@pytest.mark.parametrize("wrong", ["gone", "short", "link", "fifo", "folder"])
def test_requests_that_somebody_has_tampered_with_ask_for_nothing(
    started: Callable[..., Any], tmp_path: Path, wrong: str
) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    (folder,) = tmp_path.iterdir()
    file = folder / "requests"
    file.unlink()
    if wrong == "short":
        file.write_bytes(b"\1" * 63)
    elif wrong == "link":
        file.symlink_to("/dev/zero")
    elif wrong == "fifo":
        os.mkfifo(file)
    elif wrong == "folder":
        file.mkdir()
    before = pulse.reader.vitals().watchdog.beats
    eventually(lambda: pulse.reader.vitals().watchdog.beats > before + 3)
    assert pulse.reader.vitals().watchdog.dumps == 0
    if wrong == "folder":
        file.rmdir()
