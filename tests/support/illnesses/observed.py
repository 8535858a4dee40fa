"""Real processes, and the real watcher that looks at them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.folders import Folders
from lifesign.watch.telemetry import Log, Resource, Snapshot, Telemetry
from lifesign.watch.watcher import Watcher
from support import victims

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
        self._files = folder
        self.folder = folder / "run"
        self.folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.reported: list[Telemetry] = []
        self.snapshot: Snapshot | None = None
        self._directory = RunDirectory(str(self.folder))
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

    def suffers(self, suffer: str, before: str = "", python: str = sys.executable, how: str = "on") -> None:
        """Starts the process, and lets it suffer once it is seen to be healthy."""
        go = self._files / "go"
        program = before + SERVICE.format(suffer=suffer, go=str(go))
        self._process = victims.start(program, self.folder, {"LIFESIGN_LAST_WORDS": how}, python=python)
        self.comes_to("healthy")
        go.touch()

    def until(self, holds: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"it did not hold: {self.snapshot}, {self.events}")
            self.poll()
            time.sleep(0.05)

    def poll(self) -> None:
        asyncio.run(self._watcher.poll())

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
