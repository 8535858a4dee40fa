"""One poll of a run directory, for those who only want to see."""

from __future__ import annotations

import contextlib
import time
from typing import Mapping

from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.process import WatchedProcess
from lifesign.watch.telemetry import Snapshot
from lifesign.wire.folder import PulseError

MEASURED_SECONDS = 1.0  # ten beats
_MEASURED_MAX = 50  # processes, each with some open files


def poll_once(path: str, settings: Settings, environ: Mapping[str, str], *, measured: bool = False) -> list[Snapshot]:
    """The state of every process in a run directory, seen from outside, without disturbing its sidecar.

    Args:
        measured: whether to poll twice, a moment apart, which shows how much of the time loops work.

    Raises:
        RunDirectoryError: the directory cannot be used.
    """
    found: dict[str, Snapshot] = {}
    with contextlib.ExitStack() as kept:
        directory = kept.enter_context(contextlib.closing(RunDirectory(path)))
        again: list[WatchedProcess] = []
        for key in directory.names():
            # A process that is only now coming or going has nothing to show.
            with contextlib.suppress(PulseError, OSError), contextlib.ExitStack() as opened:
                process = WatchedProcess(directory, key, Cursor(), settings, environ, DeadLetters(None))
                opened.callback(process.close)
                snapshot = found[key] = _poll(process)
                if measured and snapshot.alive and len(again) < _MEASURED_MAX:
                    again.append(process)
                    kept.push(opened.pop_all())
        if again:
            time.sleep(MEASURED_SECONDS)
        for process in again:
            with contextlib.suppress(PulseError, OSError):
                found[process.key] = _poll(process)
    return list(found.values())


def _poll(process: WatchedProcess) -> Snapshot:
    return process.poll(watching_since=0, ask=False).snapshot
