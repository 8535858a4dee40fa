"""What is reported of real processes that crash, hold the GIL or are stopped, with what they left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import pytest

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.folders import Folders
from lifesign.watch.telemetry import Log, Resource, Snapshot, Span, Telemetry
from lifesign.watch.watcher import Watcher
from support import victims
from support.built import PYTHONS
from support.reported import KNOWN

PATIENCE = 40.0
SERVICE = """
import asyncio, ctypes, itertools, os, sys, threading, time
libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the GIL

def suffer():
    {suffer}

async def main():
    while True:
        await asyncio.sleep(0.01)
        if os.path.exists({go!r}):
            os.unlink({go!r})
            suffer()

threading.Thread(target=time.sleep, args=(3600,), name="payments", daemon=True).start()
asyncio.run(main())
"""


class Observed:
    """A process, and the real watcher that looks at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = folder / "run"
        self._run.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.reported: list[Telemetry] = []
        self.snapshot: Snapshot | None = None
        self._directory = RunDirectory(str(self._run))
        settings = Settings(environ={"LIFESIGN_HEARTBEAT_TIMEOUT": "1"})
        dead_letters = DeadLetters(None)
        cursors = CursorStore(None, dead_letters)
        self._watcher = Watcher(
            Folders(self._directory, settings, {}, cursors, dead_letters), settings, self._emit, self._publish, cursors
        )

    def _emit(self, resources: Sequence[Resource], telemetry: Sequence[Telemetry]) -> None:
        self.reported += telemetry

    def _publish(self, snapshots: Sequence[Snapshot]) -> None:
        self.snapshot = snapshots[0] if snapshots else None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def suffers(self, suffer: str, before: str = "", python: str = sys.executable, how: str = "signals") -> None:
        """Starts the process, and lets it suffer once it is seen to be healthy."""
        go = self._folder / "go"
        program = before + SERVICE.format(suffer=suffer, go=str(go))
        self._process = victims.start(program, self._run, {"LIFESIGN_LAST_WORDS": how}, python=python)
        self.comes_to("healthy")
        go.touch()

    def until(self, holds: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"it did not hold: {self.snapshot}, {self.events}")
            asyncio.run(self._watcher.poll())
            time.sleep(0.05)

    def comes_to(self, state: str) -> None:
        self.until(lambda: self.snapshot is not None and self.snapshot.state == state)

    def shows(self, why: str) -> None:
        self.until(lambda: self.snapshot is not None and why in self.snapshot.why)

    @property
    def events(self) -> list[str]:
        return [one.event for one in self.reported if isinstance(one, Log) and "boot" not in one.event]

    def log(self, event: str) -> Log:
        (found,) = (one for one in self.reported if isinstance(one, Log) and one.event == event)
        return found

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._watcher.close()
        self._directory.close()


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Observed]:
    made = Observed(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("version", PYTHONS)
def test_a_crash_is_told_with_its_signal_and_the_stacks_of_all_threads(version: str, observed: Observed) -> None:
    observed.suffers("ctypes.string_at(0)", python=PYTHONS[version])
    observed.comes_to("dead")
    assert observed.events == ["lifesign.process.died"]
    died = observed.log("lifesign.process.died")
    assert died.body.startswith("killed by SIGSEGV; in string_at (")
    assert died.attributes["exception.type"] == "SIGSEGV"
    assert died.attributes["lifesign.process.exit.signal"] == "SIGSEGV"
    stacks = str(died.attributes["exception.stacktrace"])
    current, *others = stacks.split("\n\n")
    assert current.startswith("Current thread 0x")
    assert [line.rpartition(" ")[2] for line in current.splitlines()[-3:]] == ["main", "suffer", "string_at"]
    assert any("/lifesign/agent/" in other for other in others), "the watchdog's"
    assert observed.process.wait(10) == -signal.SIGSEGV
    assert observed.process.communicate() == (b"", b"")


@pytest.mark.parametrize(
    ("suffer", "name"),
    [
        ("os.abort()", "SIGABRT"),
        ("import faulthandler; faulthandler._sigfpe()", "SIGFPE"),
        ("os.kill(os.getpid(), 7)", "SIGBUS"),
    ],
)
def test_other_fatal_signals(suffer: str, name: str, observed: Observed) -> None:
    observed.suffers(suffer)
    observed.comes_to("dead")
    died = observed.log("lifesign.process.died")
    assert died.body.startswith(f"killed by {name}; in suffer (<string>:")
    assert died.attributes["code.function.name"] == "suffer"


def test_a_kill_leaves_no_last_words(observed: Observed) -> None:
    observed.suffers("os.kill(os.getpid(), 9)")
    observed.comes_to("dead")
    died = observed.log("lifesign.process.died")
    assert died.body == "killed by SIGKILL" if KNOWN else died.body.startswith("gone without a tombstone")
    assert "exception.stacktrace" not in died.attributes


def test_an_app_that_uses_faulthandler_keeps_its_own(observed: Observed) -> None:
    observed.suffers("os.abort()", before="import faulthandler; faulthandler.enable()\n")
    observed.comes_to("dead")
    assert "exception.stacktrace" not in observed.log("lifesign.process.died").attributes
    assert b"Fatal Python error: Aborted" in observed.process.communicate()[1]


@pytest.mark.parametrize("version", PYTHONS)
def test_a_held_gil_is_seen_with_its_stack(version: str, observed: Observed) -> None:
    observed.suffers("libc.usleep(10_000_000)", python=PYTHONS[version], how="on")
    observed.comes_to("frozen")
    observed.shows("GIL held by C code that waits")
    observed.until(lambda: "lifesign.last_words" in observed.events)
    observed.comes_to("healthy")
    # As it goes on the watchdog thread may come before the loop, and find it blocked for that moment.
    assert observed.events[:2] == ["lifesign.process.frozen", "lifesign.last_words"]
    assert observed.events.count("lifesign.last_words") == 1
    words = observed.log("lifesign.last_words")
    assert words.body.startswith("GIL held by C code, no beat for 0:00:06; its main thread is in suffer (<string>:")
    main = str(words.attributes["exception.stacktrace"]).partition("\n\n")[0]
    assert [line.rpartition(" ")[2] for line in main.splitlines()[-2:]] == ["main", "suffer"]
    assert [one.name for one in observed.reported if isinstance(one, Span)][-1:] == ["process frozen"]
    assert observed.process.poll() is None


def test_c_code_that_computes_is_told_from_c_code_that_waits(observed: Observed) -> None:
    observed.suffers("sum(itertools.repeat(1, 10**12))")
    observed.comes_to("frozen")
    observed.shows("GIL held by C code that computes")
    assert observed.events == ["lifesign.process.frozen"]


def test_stopped_is_told_from_held(observed: Observed) -> None:
    observed.suffers("pass", how="on")
    os.kill(observed.process.pid, signal.SIGSTOP)
    observed.comes_to("frozen")
    observed.shows("stopped by a signal")
    os.kill(observed.process.pid, signal.SIGCONT)
    observed.comes_to("healthy")
    assert observed.events == ["lifesign.process.frozen"]
    assert observed.log("lifesign.process.frozen").body.endswith(": stopped by a signal")


@pytest.mark.parametrize("version", PYTHONS)
def test_children_of_every_kind_end_though_the_switch_was_set(version: str, tmp_path: Path) -> None:
    # Forked beside the loop: a child that leaves by sys.exit finalizes its interpreter, and faulthandler with it.
    program = (
        "import asyncio, multiprocessing, os, subprocess, sys, threading, time\n"
        "def work(): asyncio.run(asyncio.sleep(0.05))\n"
        "def ended(pid): assert os.waitpid(pid, 0)[1] == 0\n"
        "async def serve(): ready.set(); await asyncio.sleep(3600)\n"
        "ready = threading.Event()\n"
        "threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()\n"
        "ready.wait()\n"
        "for _ in range(10):\n"
        "    time.sleep(0.05)\n"
        "    if (pid := os.fork()) == 0: sys.exit(0)\n"
        "    ended(pid)\n"
        "    if (pid := os.fork()) == 0: work(); sys.exit(0)\n"
        "    ended(pid)\n"
        "subprocess.run(['true'], check=True, preexec_fn=os.getpid)\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start(); child.join(); assert child.exitcode == 0\n"
    )
    ignore = {"PYTHONWARNINGS": "ignore::DeprecationWarning", "LIFESIGN_LAST_WORDS": "on"}
    process = victims.start(program, tmp_path, ignore, python=PYTHONS[version])
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"", b"")
