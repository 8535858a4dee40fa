"""The processes that a command is about: one by its number, those of a service, or all of yours."""

from __future__ import annotations

import contextlib
import difflib
from functools import partial
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, NamedTuple, Sequence

from lifesign.cli.output.terminal import quiet
from lifesign.cli.supervise import rundirectory
from lifesign.errors import NotWatchedError, RunDirectoryError
from lifesign.judge.kernel import stat_fields
from lifesign.judge.rundir import RunDirectory
from lifesign.settings import Settings
from lifesign.watch.records import InvalidRecordError, decode_identity
from lifesign.wire.folder import Folder, PulseError
from lifesign.wire.reader import PulseReader

if TYPE_CHECKING:
    from lifesign.watch.once import Sighting
    from lifesign.watch.telemetry import Snapshot

_ABOVE_MAX = 64  # generations
_NAMED_MAX = 8  # processes to choose from, in an error


class Process(NamedTuple):
    """A living watched process and the reader of its pulse; `key` is the name of its folder."""

    key: str
    pid: int
    reader: PulseReader
    folder: Folder
    command: str = ""  # empty where it cannot be read

    def named(self) -> str:
        """As a person knows it: ``shop.py 4711``."""
        return f"{self.command or 'process'} {self.pid}"

    def lives(self) -> bool:
        """Whether it is still watched."""
        with contextlib.suppress(OSError):
            return self.folder.is_alive()
        return False

    def close(self) -> None:
        self.reader.close()
        self.folder.close()


class Wanted:
    """Looks for processes in the run directory that was named, or in all of yours: first in those that are in use.

    Args:
        which: the PID of a process, or of one above it such as ``lifesign run``; or a service's name. None for all.

    Raises:
        RunDirectoryError: there is no run directory.
    """

    def __init__(self, which: str | None, settings: Settings, environ: Mapping[str, str]) -> None:
        self.places = rundirectory.found(settings.dir)
        self._which = which
        self._settings = settings
        self._environ = environ

    def chosen(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Those among all of some run directories."""
        if self._which is None:
            return list(sightings)
        if not self._which.isdecimal():
            return [one for one in sightings if self._which in _names(one.poll.snapshot)]
        pids = _chosen(int(self._which), [one.poll.snapshot.pid for one in sightings])
        return [one for one in sightings if one.poll.snapshot.pid in pids]

    def seen(self, *, measured: bool = False) -> list[Sighting]:
        """What is seen of each, living or not.

        Args:
            measured: see `watch.once.poll_all`.

        Raises:
            NotWatchedError: there is none.
        """
        from lifesign.cli.query.pid_one import noted
        from lifesign.watch.once import poll_all

        everybody: list[Sighting] = []
        for paths in self.places:
            with quiet():  # what cannot be read is counted, and shown with the process
                sightings = poll_all(paths, self._settings, self._environ, measured=measured)
            chosen = self.chosen(sightings)
            if chosen:
                return noted(chosen)
            everybody += sightings
            if self._which is None:
                break  # what is left of earlier runs is not what is asked for while something runs
        of_another = [text for paths in self.places for path in paths for text in _other_versions(path)]
        if of_another and not everybody:
            raise NotWatchedError("; ".join(of_another[:3]), "the lifesign that the process was started with")
        raise self.missing("process", [one.poll.snapshot for one in everybody])

    def living(self) -> list[Process]:
        """Those that live, to be asked something; close each of them.

        Raises:
            NotWatchedError: there is none.
        """
        found: list[Process] = []
        for path in self.places[0]:
            with _gone_meanwhile(self.places[0]):
                found += _living_in(path)
        keys = self._keys(found)
        for process in found:
            if process.key not in keys:
                process.close()
        if not keys:
            raise self.missing("living process", found)
        return [process for process in found if process.key in keys]

    def _keys(self, found: Sequence[Process]) -> set[str]:
        if self._which is None:
            return {process.key for process in found}
        if self._which.isdecimal():
            pids = _chosen(int(self._which), [process.pid for process in found])
            return {process.key for process in found if process.pid in pids}
        from lifesign.watch.once import poll_all

        sightings = self.chosen(poll_all(self.places[0], self._settings, self._environ))
        return {process.key for process in found} & {one.poll.snapshot.key for one in sightings}

    def missing(self, what: str, others: Sequence[Process | Snapshot]) -> NotWatchedError:
        """The error of there being none, with which of the others may be meant."""
        paths = [path for paths in self.places for path in paths]
        where = paths[0] if len(paths) == 1 else f"your {len(paths)} run directories"
        which = "" if self._which is None else f" {self._which or repr('')}"
        return NotWatchedError(f"no {what}{which} is watched in {where}", self._instead(others))

    def _instead(self, others: Sequence[Process | Snapshot]) -> str:
        if not others:
            return "lifesign run -- CMD"
        if self._which is not None and not self._which.isdecimal():
            seen = [one for one in others if not isinstance(one, Process)]
            names = sorted({name for one in seen for name in _names(one)})
            alive = {name for one in seen if one.alive for name in _names(one)}
            close = difflib.get_close_matches(self._which, names, n=1)
            if names:
                return close[0] if close else _one_of(sorted(names, key=lambda name: name not in alive))
        return _one_of([f"{one.pid} ({one.command})" if one.command else str(one.pid) for one in others])


def living(directory: str, pid: int) -> Process:
    """The living process `pid` of a run directory.

    Raises:
        NotWatchedError: there is none.
    """
    found = _living_in(directory)
    for process in found:
        if process.pid != pid:
            process.close()
    for process in found:
        if process.pid == pid:
            return process
    raise NotWatchedError(f"no living process {pid} is watched in {directory}", "lifesign status")


@contextlib.contextmanager
def _gone_meanwhile(paths: Sequence[str]) -> Iterator[None]:
    """Of several run directories one may be gone by now, with the run that it was of."""
    try:
        yield
    except RunDirectoryError:
        if len(paths) == 1:
            raise


def _living_in(directory: str) -> list[Process]:
    with contextlib.closing(RunDirectory(directory)) as run:
        opened = map(partial(_living, run), run.names())
        return [process for process in opened if process is not None]


def _living(run: RunDirectory, key: str) -> Process | None:
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError, PulseError):
        folder = run.open(key)
        opened.callback(folder.close)
        if folder.is_alive():
            reader = PulseReader(folder.descriptor)
            process = Process(key, int(key.partition("-")[0]), reader, folder, _command(reader))
            opened.pop_all()
            return process
    return None


def _command(reader: PulseReader) -> str:
    with contextlib.suppress(OSError, PulseError, InvalidRecordError):
        return decode_identity(reader.identity())["command"]
    return ""


def _one_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"one of {', '.join(names[:_NAMED_MAX])}{more}"


def _names(snapshot: Snapshot) -> set[str]:
    return {snapshot.service, snapshot.command}


def _chosen(pid: int, pids: Iterable[int]) -> set[int]:
    """The process itself where it is among them, or those that it started, and these started."""
    found = set(pids)
    return {pid} if pid in found else {one for one in found if pid in _above(one)}


def _above(pid: int) -> set[int]:
    """The processes that this one comes from, as far as they can be seen."""
    above: set[int] = set()
    with contextlib.suppress(OSError, ValueError, IndexError):
        while pid > 1 and len(above) < _ABOVE_MAX:
            pid = int(stat_fields(pid)[1])
            above.add(pid)
    return above


def _other_versions(path: str) -> list[str]:
    with contextlib.suppress(RunDirectoryError), contextlib.closing(RunDirectory(path)) as run:
        return [text for text in map(run.other_version, run.names()) if text]
    return []
