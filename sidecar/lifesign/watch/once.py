"""One poll of a run directory, for those who only want to see."""

from __future__ import annotations

import contextlib
from typing import Mapping

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.process import WatchedProcess
from lifesign.watch.telemetry import Snapshot
from lifesign.wire.folder import PulseError


def poll_once(path: str, settings: Settings, environ: Mapping[str, str]) -> list[Snapshot]:
    """The state of every process in a run directory, seen from outside, without disturbing its sidecar.

    Raises:
        RunDirectoryError: the directory cannot be used.
    """
    found: list[Snapshot] = []
    with contextlib.closing(RunDirectory(path)) as directory:
        for key in directory.names():
            # A process that is only now coming or going has nothing to show.
            with contextlib.suppress(PulseError, OSError), contextlib.ExitStack() as stack:
                process = WatchedProcess(directory, key, Cursor(), settings, environ, DeadLetters(None))
                stack.callback(process.close)
                found.append(process.poll(watching_since=0, ask=False).snapshot)
    return found
