"""The one living process of a run directory that a command is about."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import NamedTuple

from lifesign.errors import NotWatchedError, UsageError
from lifesign.judge.rundir import RunDirectory
from lifesign.wire.folder import Folder, PulseError
from lifesign.wire.reader import PulseReader


class Process(NamedTuple):
    """A living watched process and the reader of its pulse."""

    pid: int
    reader: PulseReader
    folder: Folder

    def close(self) -> None:
        self.reader.close()
        self.folder.close()


def choose(directory: str, pid: int | None) -> Process:
    """The living process `pid` of a run directory, or its only one.

    Raises:
        NotWatchedError: there is none.
        UsageError: there are several to choose from.
    """
    with contextlib.closing(RunDirectory(directory)) as run:
        looked = map(partial(_living, run), run.names())
        living = [process for process in looked if process is not None]
    chosen = [process for process in living if pid is None or process.pid == pid]
    for process in living:
        if process not in chosen or len(chosen) > 1:
            process.close()
    if len(chosen) == 1:
        return chosen[0]
    pids = ", ".join(str(process.pid) for process in living)
    if chosen:
        raise UsageError(f"there are {len(chosen)} watched processes in {directory}", f"name one of {pids}")
    what = "no living process" if pid is None else f"no living process {pid}"
    raise NotWatchedError(f"{what} is watched in {directory}", f"one of {pids}" if living else "lifesign status")


def _living(run: RunDirectory, key: str) -> Process | None:
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError, PulseError):
        folder = run.open(key)
        opened.callback(folder.close)
        if folder.is_alive():
            process = Process(int(key.partition("-")[0]), PulseReader(folder.descriptor), folder)
            opened.pop_all()
            return process
    return None
