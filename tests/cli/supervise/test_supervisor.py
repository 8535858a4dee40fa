"""The supervisor and its sidecar, with small programs in the sidecar's place."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.supervise import sidecar_process as sidecar_module
from lifesign.cli.supervise import signals as signals_module
from lifesign.cli.supervise import supervisor as supervisor_module
from lifesign.cli.supervise.sidecar_process import SidecarProcess
from lifesign.cli.supervise.signals import Signals
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.errors import CommandError

# Unblocks SIGTERM when it is ready, as the sidecar does, and says what happens to it. It sleeps in short pieces: a
# signal that comes between two reads of one `read()` would be noticed after the second.
STAND_IN = """\
import signal, sys, time
def end(*_):
    print("asked to end", file=sys.stderr); sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
for _ in range(3000):
    time.sleep(0.01)
"""


pytestmark = pytest.mark.usefixtures("no_other_thread")


def beside(directory: Path, *command: str, patience: float = 5.0) -> Beside:
    return Beside(list(command), dict(os.environ), str(directory), patience)


def test_a_sidecar_that_is_not_ready_yet_is_still_told_to_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (
        Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside(tmp_path, sys.executable, "-S", "-c", STAND_IN)).run() == 6
    )
    assert capfd.readouterr().err == "asked to end\n"


def test_a_sidecar_that_stays_is_killed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stubborn = beside(tmp_path, "/bin/sh", "-c", "exec sleep 60", patience=0.02)

    assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, stubborn).run() == 6
    assert "did not end in time and was killed" in capfd.readouterr().err


def test_a_sidecar_that_cannot_start_is_no_harm(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside(tmp_path, "/no/such/python")).run() == 6
    assert "the sidecar could not be started: No such file or directory" in capfd.readouterr().err


@pytest.mark.parametrize("broken", ["RunFile", "SidecarProcess"])
def test_an_error_of_ours_leaves_cmd_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], broken: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(supervisor_module, broken, fail)

    assert Supervisor(["/bin/sh", "-c", "sleep 0.03; exit 6"], {}, beside(tmp_path, "/bin/true")).run() == 6
    assert capfd.readouterr().err == "lifesign: RuntimeError: a mistake; the sidecar is gone, CMD continues\n"


def test_a_signal_that_may_not_be_passed_on_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(_pid: int, _number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(supervisor_module.os, "kill", refused)

    assert Supervisor(["/bin/sh", "-c", f"kill -USR1 {os.getpid()}; exit 6"], {}, None).run() == 6
    assert capfd.readouterr().err == "lifesign: SIGUSR1 could not be passed on to CMD: Operation not permitted\n"


def test_without_a_timed_wait_signals_are_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.delattr(signal, "sigtimedwait")
    monkeypatch.setattr(signals_module, "_TICK", 0.01)
    script = f"trap 'exit 6' USR1; kill -USR1 {os.getpid()}; while :; do sleep 0.01; done"

    assert Supervisor(["/bin/sh", "-c", script], {}, None).run() == 6
    assert signal.getsignal(signal.SIGUSR1) == before
    assert signal.SIGUSR1 not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(("foreground", "to_group"), [(os.getpgrp(), True), (os.getpgrp() + 1, False)])
def test_a_polled_interrupt_is_the_terminals_where_we_are_in_the_foreground(
    monkeypatch: pytest.MonkeyPatch, foreground: int, to_group: bool
) -> None:
    monkeypatch.delattr(signal, "sigtimedwait")
    monkeypatch.setattr(os, "tcgetpgrp", lambda _descriptor: foreground)
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.take(None) == (signal.SIGINT, to_group)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.take(None) == (signal.SIGTERM, False)
        assert signals.take(0.0) is None


def test_a_sidecar_that_is_set_up_wrong_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SidecarProcess, "_spawn", lambda _self: 4242)
    kept = SidecarProcess(["python"], {}, set(), 5.0)
    kept.tend()
    kept.fell(3)
    assert kept.tend() is None
    assert kept.pid is None
    kept.close()
    assert capfd.readouterr().err == "lifesign: the settings of the sidecar cannot be used; CMD continues without it\n"


def test_a_sidecar_that_fell_is_started_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(SidecarProcess, "_spawn", lambda _self: 4242)
    monkeypatch.setattr(sidecar_module.os, "kill", lambda pid, number: sent.append((pid, number)))
    kept = SidecarProcess(["python"], {}, set(), 5.0)
    kept.tend()
    kept.fell(-9)
    kept.end()
    assert kept.pid == 4242
    assert sent == [(4242, signal.SIGTERM)]
    kept.close()


def test_back_off_doubles_to_half_a_minute_and_is_said_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(sidecar_module.time, "monotonic", lambda: now)
    monkeypatch.setattr(SidecarProcess, "_spawn", lambda _self: 4242)
    kept = SidecarProcess(["python"], {}, set(), 5.0)
    waits = []
    for _ in range(8):
        kept.tend()
        assert kept.pid == 4242
        kept.fell(1)
        waits.append(kept.tend())
        now += waits[-1] or 0.0
    kept.tend()
    now += 60.0  # it lived for a minute
    kept.fell(-9)
    assert kept.tend() == 0.5
    kept.close()

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert capfd.readouterr().err.splitlines() == [
        "lifesign: the sidecar ended with exit code 1; CMD continues; restarting the sidecar in 0.5 s",
        "lifesign: the sidecar ended with exit code 1; CMD continues; restarting the sidecar in 30 s",
        "lifesign: the sidecar was ended by SIGKILL; CMD continues; restarting the sidecar in 0.5 s",
    ]


def test_a_signal_that_comes_too_late_ends_nobody() -> None:
    with Signals():
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)  # were it still pending, this process would be gone


def test_what_comes_after_cmd_has_ended_does_not_change_its_status() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, None, ends_process=True).run() == 6
        os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C while the run directory is removed
        assert signal.SIGINT in signal.sigpending()
    finally:
        signal.sigwait({signal.SIGINT})
        signal.signal(signal.SIGCHLD, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_sandbox_without_a_timed_wait_is_polled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "sigtimedwait", refused)
    monkeypatch.setattr(signal, "sigwaitinfo", refused)
    monkeypatch.setattr(signal, "sigwait", refused)  # it is the same system call
    monkeypatch.setattr(signals_module, "_TICK", 0.01)
    script = f"trap 'exit 6' USR1; kill -USR1 {os.getpid()}; while :; do sleep 0.01; done"

    assert Supervisor(["/bin/sh", "-c", script], {}, None).run() == 6


def test_a_sandbox_without_the_newest_clone_still_runs_cmd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "posix_spawnp", refused)
    script = "kill -PIPE $$; exit 6"  # which Python ignores, and CMD must not

    assert Supervisor(["/bin/sh", "-c", script], {}, None).run() == 128 + signal.SIGPIPE
    assert Supervisor(["/no/such"], {}, None).run() == 126


def test_a_sandbox_without_sessions_gets_the_sidecar_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spawn = os.posix_spawn

    def without_sessions(*args: Any, **more: Any) -> int:
        if more.pop("setsid", False):
            raise PermissionError(1, "Operation not permitted")
        return spawn(*args, **more)

    monkeypatch.setattr(os, "posix_spawn", without_sessions)
    stands_in = [sys.executable, "-S", "-c", STAND_IN]
    assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, beside(tmp_path, *stands_in)).run() == 6
    assert capfd.readouterr().err == "asked to end\n"


def test_what_cannot_be_executed_is_126(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch(mode=0o644)
    for path, hint in ((program, f"chmod +x {program}"), (tmp_path, f"a program in it: {tmp_path}/...")):
        with pytest.raises(CommandError) as caught:
            Supervisor([str(path)], {}, None).run()
        assert (caught.value.exit_code, caught.value.hint) == (126, hint)


def test_a_sidecar_that_falls_while_cmd_runs_is_said_and_is_no_harm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert Supervisor(["/bin/sh", "-c", "sleep 0.1; exit 6"], {}, beside(tmp_path, "/bin/false")).run() == 6
    assert "the sidecar" in capfd.readouterr().err


def test_an_error_in_looking_after_the_sidecar_leaves_cmd_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: SidecarProcess) -> float:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(SidecarProcess, "tend", fail)
    assert Supervisor(["/bin/sh", "-c", "sleep 0.03; exit 6"], {}, beside(tmp_path, "/bin/true")).run() == 6
    assert "RuntimeError: a mistake; the sidecar is gone" in capfd.readouterr().err


def test_a_sidecar_that_fell_is_started_to_stay_with_who_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(SidecarProcess, "_spawn", lambda _self: 4242)
    monkeypatch.setattr(sidecar_module.os, "kill", lambda pid, number: sent.append(number))
    kept = SidecarProcess(["python"], {}, set(), 5.0)
    kept.tend()
    kept.fell(-9)
    kept.leave()
    assert (kept.pid, sent) == (4242, [])


def test_what_cmd_is_to_inherit_the_sidecar_does_not_get() -> None:
    reading, writing = os.pipe()
    try:
        os.set_inheritable(writing, True)
        assert writing in sidecar_module._inheritable()
        assert reading not in sidecar_module._inheritable()
    finally:
        os.close(reading)
        os.close(writing)


def test_without_a_terminal_nobody_is_in_the_foreground(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int) -> int:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr(os, "tcgetpgrp", none)
    assert not signals_module._in_foreground()


def test_without_a_run_directory_nobody_is_told_that_the_end_was_asked_for() -> None:
    supervisor = Supervisor(["/bin/sh", "-c", "exec sleep 60"], {}, None)
    with supervisor.started():
        supervisor.end(signal.SIGTERM)
        while supervisor.code is None:
            supervisor.attend()
    assert (supervisor.asked, supervisor.code) == (signal.SIGTERM, -signal.SIGTERM)


def test_without_a_sentinel_cmd_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(supervisor_module, "Sentinel", fail)
    assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, None).run() == 6
    assert "a signal to all of a process group may reach CMD twice, CMD continues" in capfd.readouterr().err
