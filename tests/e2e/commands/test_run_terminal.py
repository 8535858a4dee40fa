"""`lifesign run` on a real terminal: keys reach CMD once, and job control works as without us."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shlex
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.supervised import COUNTER, Supervised, children, eventually, run_line, started, state, supervised

TIMES = 8  # two of the same signal can melt into one, but not every time


@contextlib.contextmanager
def on_terminal(command: list[str]) -> Iterator[tuple[Supervised, int]]:
    """`command` as the leader of a session with a terminal of its own; gives the terminal's other end too."""
    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    try:
        with started(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal) as process:
            os.close(slave)
            yield Supervised(process, master), master
    finally:
        with contextlib.suppress(OSError):
            os.close(master)


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")])
def test_a_key_is_seen_exactly_once(key: bytes, name: str) -> None:
    with on_terminal(run_line(COUNTER)) as (service, master):
        service.victim()
        for _ in range(TIMES):
            os.write(master, key)
            service.line_with(name)
            time.sleep(0.05)
        os.kill(service.pid, signal.SIGTERM)

        counts = json.loads(service.line_with("{"))
        assert counts == {**dict.fromkeys(counts, 0), name: TIMES, "SIGTERM": 1}
        assert service.end() == 5


def test_a_new_window_size_is_seen_exactly_once() -> None:
    with on_terminal(run_line(COUNTER)) as (service, master):
        service.victim()
        for columns in range(TIMES):
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80 + columns, 0, 0))
            service.line_with("SIGWINCH")
            time.sleep(0.05)
        os.kill(service.pid, signal.SIGTERM)

        assert json.loads(service.line_with("{"))["SIGWINCH"] == TIMES


def test_a_key_reaches_cmd_in_a_process_group_of_its_own() -> None:
    with on_terminal(run_line(["setsid", *COUNTER])) as (service, master):
        service.victim()
        os.write(master, b"\x03")
        service.line_with("SIGINT")
        os.kill(service.pid, signal.SIGTERM)

        assert json.loads(service.line_with("{"))["SIGINT"] == 1


def test_a_hangup_reaches_cmd_exactly_once(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with on_terminal(run_line([*COUNTER, str(seen)])) as (service, master):
        eventually(lambda: seen.exists() and "ready" in seen.read_text())
        os.close(master)
        eventually(lambda: "SIGHUP" in seen.read_text())
        os.kill(service.pid, signal.SIGTERM)
        assert service.end() == 5

    assert json.loads(seen.read_text().splitlines()[-1])["SIGHUP"] == 1


def test_stopping_and_continuing_works_from_a_shell() -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with on_terminal(shell) as (session, master):
        os.write(master, shlex.join(run_line(COUNTER)).encode() + b"\n")
        victim = session.victim()
        os.write(master, b"\x1a")
        session.line_with("Stopped")
        eventually(lambda: state(victim) == "T")
        os.write(master, b"fg\n")
        eventually(lambda: state(victim) in ("R", "S"))
        os.write(master, b"\x03")
        session.line_with("SIGINT")
        os.kill(victim, signal.SIGTERM)

        assert json.loads(session.line_with("{"))["SIGINT"] == 1
        os.write(master, b"echo status=$?\n")
        session.line_with("status=5")
        os.write(master, b"exit\n")
        assert session.end() == 0


def test_cmd_has_the_terminal() -> None:
    script = "import os; print('ready', os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp() and os.getpid())"
    with on_terminal(run_line([sys.executable, "-c", script])) as (service, _):
        assert service.victim() > 1
        assert service.end() == 0


def test_a_signal_to_the_whole_process_group_reaches_cmd_once() -> None:
    """As ``timeout`` sends it, and as a script does with ``kill 0``."""
    with supervised(COUNTER, start_new_session=True) as service:
        service.victim()
        service.sidecar()
        for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
            os.killpg(service.pid, number)
            service.line_with(number.name)
            time.sleep(0.1)  # two at once are one, as far as anybody can tell

        counts = json.loads(service.line_with("{"))
        assert {name: count for name, count in counts.items() if count} == {"SIGINT": 2, "SIGUSR1": 1, "SIGTERM": 1}
        assert service.end() == 5


def test_a_signal_to_every_process_of_a_service_reaches_cmd_once_and_does_not_end_the_sidecar() -> None:
    """As systemd sends it."""
    with supervised(COUNTER) as service:
        service.victim()
        sidecar = service.sidecar()
        for pid in (service.pid, *children(service.pid)):
            os.kill(pid, signal.SIGINT)
        service.line_with("SIGINT")
        time.sleep(0.1)

        assert service.sidecar() == sidecar
        os.kill(service.pid, signal.SIGTERM)
        counts = json.loads(service.line_with("{"))
        assert (counts["SIGINT"], counts["SIGTERM"]) == (1, 1)
        assert service.end() == 5


def test_top_is_suspended_and_goes_on(tmp_path: Path) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    top = f"{sys.executable} -m lifesign top --dir {tmp_path}"
    with on_terminal(shell) as (service, master):
        os.write(master, f"stty -a | md5sum; {top}\n".encode())
        before = service.line_with("  -")[:32]
        service.line_with("no process is watched yet")
        os.write(master, b"\x1a")
        service.line_with("Stopped")
        os.write(master, b"stty -a | md5sum; fg; echo it ended with $?\n")
        assert service.line_with("  -")[:32] == before
        service.line_with("no process is watched yet")
        os.write(master, b"q")
        service.line_with("it ended with 0")
        os.write(master, b"exit\n")
        assert service.end() == 0
