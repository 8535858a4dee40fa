"""A sidecar that keeps its page up after an ill end, until a signal ends that."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from lifesign.cli.supervise import sidecar_process as sidecar_module
from lifesign.cli.supervise.sidecar_process import SidecarProcess
from lifesign.cli.supervise.supervisor import Beside, Supervisor

pytestmark = pytest.mark.usefixtures("no_other_thread")


def test_a_sidecar_that_lingers_is_killed_only_once_it_was_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, sent = 1000.0, []
    monkeypatch.setattr(sidecar_module.time, "monotonic", lambda: now)
    monkeypatch.setattr(SidecarProcess, "_spawn", lambda _self: 4242)
    monkeypatch.setattr(sidecar_module.os, "kill", lambda pid, number: sent.append(number))
    kept = SidecarProcess(["python"], {}, set(), 5.0)
    kept.tend()
    kept.end(lingers=True)
    assert kept.tend() is None
    kept.end()
    assert kept.tend() == 5.0
    assert sent == [signal.SIGTERM, signal.SIGTERM]
    kept.close()


LINGERS = """
import os, signal, sys
asked = 0
def note(*_):
    global asked
    asked += 1
    if asked == 1:
        os.kill(os.getppid(), signal.SIGINT)
    else:
        print("asked twice", file=sys.stderr, flush=True)
        os._exit(0)
signal.signal(signal.SIGTERM, note)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
while True:
    signal.pause()
"""


def test_a_signal_ends_the_lingering_of_a_sidecar(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lingers = Beside([sys.executable, "-S", "-c", LINGERS], dict(os.environ), str(tmp_path), 5.0, lingers=True)
    assert Supervisor(["/bin/sh", "-c", "exit 6"], {}, lingers).run() == 6
    assert capfd.readouterr().err == "asked twice\n"
