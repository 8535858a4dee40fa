"""What happens to the sidecar of `lifesign run` is no business of the service."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from support.supervised import COUNTER, PATIENCE, cmdline, eventually, state, supervised


def other_sidecar(service: object, first: int) -> int | None:
    pid = service.sidecar()  # type: ignore[attr-defined]
    return pid if pid != first else None


def test_a_killed_sidecar_comes_back_and_the_service_never_notices() -> None:
    with supervised(COUNTER) as service:
        service.victim()
        first = service.sidecar()
        os.kill(first, signal.SIGKILL)
        second = eventually(lambda: other_sidecar(service, first))
        assert {"watch", "--supervised"} < set(cmdline(second))
        os.kill(service.pid, signal.SIGTERM)

        assert service.line() == "SIGTERM"
        assert json.loads(service.line())["SIGTERM"] == 1
        assert service.end() == 5


def test_the_sidecar_has_a_session_of_its_own_and_no_terminal_input() -> None:
    with supervised(COUNTER) as service:
        victim = service.victim()
        sidecar = service.sidecar()

        assert os.getsid(sidecar) == sidecar
        assert os.getpgid(victim) == os.getpgid(service.pid) == os.getpgrp()
        assert os.readlink(f"/proc/{sidecar}/fd/0").startswith("pipe:")
        assert os.readlink(f"/proc/{sidecar}/fd/0") not in [
            os.readlink(entry) for entry in Path(f"/proc/{victim}/fd").iterdir()
        ]


def test_the_sidecar_ends_with_cmd() -> None:
    with supervised(COUNTER) as service:
        service.victim()
        sidecar = service.sidecar()
        os.kill(service.pid, signal.SIGTERM)

        assert service.end() == 5
        assert state(sidecar) == ""


def run_state(path: Path) -> dict[str, object]:
    """What the run file says, but for when."""
    content: dict[str, object] = json.loads(path.read_text())
    content.pop("asked_at")
    return content


def test_the_run_file_tells_that_the_end_was_asked_for(tmp_path: Path) -> None:
    with supervised(COUNTER, "--dir", str(tmp_path)) as service:
        victim = service.victim()
        run_file = tmp_path / "run.json"
        eventually(run_file.exists)
        assert run_state(run_file) == {"pid": victim, "asked": None, "exit_code": None, "signal": None}
        os.kill(service.pid, signal.SIGUSR1)
        service.line_with("SIGUSR1")
        assert json.loads(run_file.read_text())["asked"] is None
        os.kill(service.pid, signal.SIGTERM)
        service.line_with("SIGTERM")
        assert json.loads(run_file.read_text())["asked"] == "SIGTERM"
        assert service.end() == 5

    assert run_state(run_file) == {"pid": victim, "asked": "SIGTERM", "exit_code": 5, "signal": None}


def test_the_run_file_tells_by_which_signal_cmd_ended(tmp_path: Path) -> None:
    with supervised(["sh", "-c", "kill -KILL $$"], "--dir", str(tmp_path)) as service:
        assert service.end() == 137

    ended = json.loads((tmp_path / "run.json").read_text())
    assert (ended["asked"], ended["exit_code"], ended["signal"]) == (None, None, "SIGKILL")


def test_a_run_directory_that_vanishes_costs_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    script = f"import shutil, sys; shutil.rmtree({str(directory)!r}); sys.exit(4)"
    with supervised([sys.executable, "-c", script], "--dir", str(directory)) as service:
        assert service.end() == 4


def test_a_sidecar_that_cannot_end_is_killed_in_time() -> None:
    with supervised(COUNTER, "--shutdown-timeout", "0.1") as service:
        service.victim()
        sidecar = service.sidecar()
        os.kill(sidecar, signal.SIGSTOP)
        os.kill(service.pid, signal.SIGTERM)
        began = time.monotonic()

        assert service.end() == 5
        assert 2.0 < time.monotonic() - began < PATIENCE / 2
