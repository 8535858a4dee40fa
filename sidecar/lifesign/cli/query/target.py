"""The one living process of a run directory that a command is about."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Sequence

from lifesign.errors import NotWatchedError, UsageError
from lifesign.judge.rundir import RunDirectory
from lifesign.wire.folder import Folder, PulseError
from lifesign.wire.reader import PulseReader

if TYPE_CHECKING:
    from lifesign.watch.telemetry import Snapshot


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
    found = living(directory)
    chosen = [process for process in found if pid is None or process.pid == pid]
    for process in found:
        if process not in chosen or len(chosen) > 1:
            process.close()
    if len(chosen) == 1:
        return chosen[0]
    pids = ", ".join(str(process.pid) for process in found)
    if chosen:
        raise UsageError(f"there are {len(chosen)} watched processes in {directory}", f"name one of {pids}")
    what = "no living process" if pid is None else f"no living process {pid}"
    raise NotWatchedError(f"{what} is watched in {directory}", f"one of {pids}" if found else "lifesign status")


def living(directory: str) -> list[Process]:
    """Every living watched process of a run directory; close each of them."""
    with contextlib.closing(RunDirectory(directory)) as run:
        opened = map(partial(_living, run), run.names())
        return [process for process in opened if process is not None]


def select(snapshots: Sequence[Snapshot], pid: int | None, directory: str) -> list[Snapshot]:
    """The snapshots of one process, or of all.

    Raises:
        NotWatchedError: there is none.
    """
    chosen = [snapshot for snapshot in snapshots if pid is None or snapshot.pid == pid]
    if not chosen:
        with contextlib.closing(RunDirectory(directory)) as run:
            of_another = [text for text in map(run.other_version, run.names()) if text]
        if of_another and not snapshots:
            raise NotWatchedError("; ".join(of_another[:3]), "the lifesign that the process was started with")
        which = "no process" if pid is None else f"no process {pid}"
        others = ", ".join(str(snapshot.pid) for snapshot in snapshots)
        raise NotWatchedError(
            f"{which} is watched in {directory}", f"one of {others}" if others else "lifesign run -- CMD"
        )
    return chosen


def _living(run: RunDirectory, key: str) -> Process | None:
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError, PulseError):
        folder = run.open(key)
        opened.callback(folder.close)
        if folder.is_alive():
            process = Process(int(key.partition("-")[0]), PulseReader(folder.descriptor), folder)
            opened.pop_all()
            return process
    return None
