"""Main processes made by hand: a pulse written with the real writer, its life token held by another process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter

STARTED = 1_700_000_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"

_KEEPER = """
import fcntl, os, sys
held = {}
for line in sys.stdin:
    verb, path = line.split()
    if verb == "hold":
        held[path] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(held[path], fcntl.LOCK_EX)
    else:
        os.close(held.pop(path))
    print("done", flush=True)
"""


class LockHolder:
    """Another process that holds life tokens: a process cannot see its own record locks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _KEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, verb: str, path: Path) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{verb} {path}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def close(self) -> None:
        self._process.communicate()


def identity(**changes: Any) -> dict[str, Any]:
    return {
        "pid": 4242,
        "command": "desk.py",
        "executable": "python3",
        "python": "3.13.0",
        "implementation": "cpython",
        "host": "node-1",
        "instance": "0b5f7a52-0000-4000-8000-000000000001",
        "started": STARTED,
        "started_mono_ns": time.monotonic_ns() - 10_000_000_000,
        "boot_timeout": 8.0,
        "heartbeat_interval": 0.1,
        "trace": TRACE,
        "boot_span": "00f067aa0ba902b7",
        "parent_span": None,
        "otel_service_name": "",
        "otel_resource_attributes": "",
        "worker": False,
        "agent": "0.1.0",
        **changes,
    }


def report(**changes: Any) -> dict[str, Any]:
    """A record of one run of the check `db`; `changes` are those of its result, by default it does not hold."""
    result = {
        "id": "1" * 16,
        "name": "db",
        "critical": True,
        "passed": False,
        "reason": "gone",
        "error": None,
        "start": 1,
        "end": 2,
        **changes,
    }
    passed = result["passed"]
    return {
        "kind": "postconditions",
        "trace": "a" * 32,
        "id": "b" * 16,
        "request": 0,
        "start": 1,
        "end": 2,
        "passed": passed,
        "diagnostic": "all passed (1 check)" if passed else "Post-conditions failed: db: gone",
        "results": [result],
        "synthetic": False,
    }


class Main:
    """A main process as its files show it."""

    def __init__(self, run: Path, holder: LockHolder, key: str, **changes: Any) -> None:
        self.key = key
        self.folder = run / key
        self.folder.mkdir()
        self._holder = holder
        holder("hold", self.folder / "life")
        self.pulse = PulseWriter(str(self.folder / "pulse.new"), identity(**changes), 65536)
        self.beats = 0
        self.beat()
        os.rename(self.folder / "pulse.new", self.folder / "pulse")

    def beat(
        self,
        *,
        phase: int = layout.BOOT_COMPLETE,
        tasks: int = 3,
        age: float = 0.0,
        watchdog_age: float | None = None,
        failing: int = 0,
        cpu: float = 0.0,
    ) -> None:
        """One beat of loop 0 and of the watchdog, `age` seconds ago; the watchdog's may be of another time.

        Args:
            cpu: seconds of processor time that the loop's thread has used.
        """
        mono, wall = time.monotonic_ns() - int(age * 1e9), time.time_ns() - int(age * 1e9)
        self.pulse.loops[0].delays[self.beats % layout.DELAYS] = 2_000_000
        self.beats += 1
        self.pulse.loops[0].begin(layout.LOOP_RUNNING, 1, 4242, 0)
        self.pulse.loops[0].write(self.beats, wall, mono, 2_000_000, int(cpu * 1e9))
        if watchdog_age is not None:
            mono, wall = time.monotonic_ns() - int(watchdog_age * 1e9), time.time_ns() - int(watchdog_age * 1e9)
        self.pulse.watchdog.write(self.beats, wall, mono, tasks, phase, 0, 0, failing)

    def die(self) -> None:
        self._holder("free", self.folder / "life")
