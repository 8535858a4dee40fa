"""What there is to see in run directories, for those who only want to look."""

from __future__ import annotations

import contextlib
import errno
import resource
import time
from typing import Iterator, Mapping, NamedTuple, Sequence

from lifesign.errors import RunDirectoryError
from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.boots import Boots, file_of
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.process import Poll, WatchedProcess
from lifesign.watch.telemetry import Snapshot
from lifesign.wire.folder import PulseError

MEASURED_SECONDS = 1.0  # ten beats
_OPEN_MAX = 200  # processes ...
_FILES_EACH, _FILES_APART = 4, 100  # ... each with some open files, or more; and those that are for others
_SHORTAGE = frozenset((errno.EMFILE, errno.ENFILE))


class Sighting(NamedTuple):
    """One process in one run directory; the telemetry is what it has written since the poll before."""

    path: str
    poll: Poll


class Onlooker:
    """Polls every process of some run directories, as often as one likes; no sidecar is disturbed.

    What needs two polls, such as how much of the time loops work, is known of the first living processes, 200 at most.

    Raises:
        RunDirectoryError: a directory cannot be used.
    """

    def __init__(self, paths: Sequence[str], settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._boots = Boots(file_of(settings, environ))
        self._open: dict[tuple[str, str], WatchedProcess] = {}
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = _OPEN_MAX if limit == resource.RLIM_INFINITY else (limit - _FILES_APART) // _FILES_EACH
        self._most = min(_OPEN_MAX, max(0, most))
        with contextlib.ExitStack() as opened:
            self._directories = [opened.enter_context(contextlib.closing(one)) for one in _opened(paths)]
            self._opened = opened.pop_all()

    def poll(self) -> list[Sighting]:
        """The state of each process now."""
        found: list[Sighting] = []
        there: set[tuple[str, str]] = set()
        for directory in self._directories:
            for key in directory.names():
                # A process that is only now coming or going has nothing to show.
                with contextlib.suppress(PulseError, OSError):
                    there.add((directory.path, key))
                    found.append(Sighting(directory.path, self._poll(directory, key)))
        for gone in self._open.keys() - there:
            self._open.pop(gone).close()
        compared = self._boots.compared([one.poll.snapshot for one in found])
        return [one._replace(poll=one.poll._replace(snapshot=snapshot)) for one, snapshot in zip(found, compared)]

    def close(self) -> None:
        for process in self._open.values():
            process.close()
        self._opened.close()

    def _poll(self, directory: RunDirectory, key: str) -> Poll:
        while True:
            try:
                return self._polled(directory, key)
            except OSError as error:
                if error.errno not in _SHORTAGE or not self._open:
                    raise
            self._most = len(self._open) // 2  # who has many loops has more files
            for kept in list(self._open)[self._most :]:
                self._open.pop(kept).close()

    def _polled(self, directory: RunDirectory, key: str) -> Poll:
        with contextlib.ExitStack() as opened:
            process = self._open.pop((directory.path, key), None)
            if process is None:
                process = WatchedProcess(directory, key, Cursor(), self._settings, self._environ, DeadLetters(None))
            opened.callback(process.close)
            poll = process.poll(watching_since=0, ask=False)
            if poll.snapshot.alive and len(self._open) < self._most:
                self._open[directory.path, key] = process
                opened.pop_all()
            return poll


def _opened(paths: Sequence[str]) -> Iterator[RunDirectory]:
    """Each of them; where there are several, one that is gone by now belonged to a run that has just ended."""
    for path in paths:
        try:
            yield RunDirectory(path)
        except RunDirectoryError:
            if len(paths) == 1:
                raise


def poll_all(
    paths: Sequence[str], settings: Settings, environ: Mapping[str, str], *, measured: bool = False
) -> list[Sighting]:
    """Every process of some run directories.

    Args:
        measured: whether to poll twice, a moment apart, which shows how much of the time loops work.

    Raises:
        RunDirectoryError: a directory cannot be used.
    """
    with contextlib.closing(Onlooker(paths, settings, environ)) as onlooker:
        found = onlooker.poll()
        if measured and any(one.poll.snapshot.alive for one in found):
            time.sleep(MEASURED_SECONDS)
            found = onlooker.poll()
        return found


def poll_once(path: str, settings: Settings, environ: Mapping[str, str]) -> list[Snapshot]:
    """The state of every process in a run directory, seen from outside, without disturbing its sidecar.

    Raises:
        RunDirectoryError: the directory cannot be used.
    """
    return [one.poll.snapshot for one in poll_all([path], settings, environ)]
