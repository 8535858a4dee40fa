"""The process folders of a run directory: found, opened, retried, and removed some time after the end."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import resource
import time
from typing import Mapping, Sequence

from lifesign.judge.rundir import PROCESSES_MAX, RunDirectory
from lifesign.settings import Settings
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.process import WatchedProcess
from lifesign.watch.sources import Source, no_source
from lifesign.wire.folder import PulseError
from lifesign.wire.stopping import Announcements

_logger = logging.getLogger("lifesign.watch")
_EMPTY_SECONDS = 60.0  # a folder may wait for its pulse
_STEP_NS = 50_000_000  # longer than a step in which file systems count time
_AGAIN_SECONDS = 5.0  # until a folder that could not be opened is retried
_DESCRIPTORS = 4  # of one watched process
_DESCRIPTORS_SPARE = 128  # for everything else in the sidecar
_OTHERS = 200  # of the newest folders, among which those of another version are sought
_NAMES_MAX = 100_000  # folders, most of which may belong to no process that can be watched
_SHORTAGE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


class _Folder:
    """What is known of one folder besides its process. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.process: WatchedProcess | None = None
        self.retry_at = 0.0  # not to be opened before
        self.empty_since: float | None = None  # it has no pulse
        self.failing = False  # its newest poll failed, which was logged


class Folders:
    """The folders, each with its process if that can be watched.

    Args:
        cursors: how far each process has been dealt with.
        dead_letters: where unreadable records go.
        source: gives lines of source code for stacks.
    """

    def __init__(
        self,
        directory: RunDirectory,
        settings: Settings,
        environ: Mapping[str, str],
        cursors: CursorStore,
        dead_letters: DeadLetters,
        source: Source = no_source,
    ) -> None:
        self._directory = directory
        self._announcements = Announcements(directory.descriptor)
        self._settings = settings
        self._environ = environ
        self._cursors = cursors
        self._dead_letters = dead_letters
        self._source = source
        self._folders: dict[str, _Folder] = {}
        self._crowded = False
        self._changed = 0  # when the directory was, as far as its entries are known

    def find(self, now: float) -> bool:
        """Opens what is new in the directory, and forgets what is no longer there; monotonic seconds.

        Returns whether something came or went since the last time: a folder, or what is said of all processes.
        """
        before = self._changed
        with contextlib.suppress(OSError):  # then the known ones are all there are
            changed = self._directory.changed()
            # File systems count in steps: what comes in the same one after the listing below would not show.
            self._changed = changed if time.time_ns() - changed > _STEP_NS else 0
            self._find(self._directory.listed(_NAMES_MAX), now)
        return self._changed != before or not self._changed

    def is_due(self, now: float) -> bool:
        """Whether something may have come into the directory, or a pulse into a folder; monotonic seconds."""
        with contextlib.suppress(OSError):
            if self._directory.changed() != self._changed:
                return True
        return any(one.process is None and one.retry_at <= now for one in list(self._folders.values()))

    def stop_announced(self) -> int | None:
        """When a preStop hook announced the end of the processes, monotonic nanoseconds; once for each announcement."""
        return self._announcements.new()

    def processes(self) -> list[WatchedProcess]:
        """Those that are watched."""
        return [one.process for one in list(self._folders.values()) if one.process is not None]

    def other_versions(self) -> list[str]:
        """Who lives and is not watched because its agent is of another version: a line for each."""
        unwatched = [key for key, one in list(self._folders.items()) if one.process is None][-_OTHERS:]
        return list(filter(None, map(self._directory.other_version, unwatched)))

    def get(self, key: str) -> WatchedProcess | None:
        """The watched process of a folder."""
        folder = self._folders.get(key)
        return None if folder is None else folder.process

    def polled(self, process: WatchedProcess) -> None:
        """A poll of it succeeded."""
        self._folders[process.key].failing = False

    def reopen(self, process: WatchedProcess, error: OSError) -> None:
        """A poll failed; the process is opened again and read on from its cursor."""
        folder = self._folders[process.key]
        if not folder.failing:
            folder.failing = True
            _logger.warning("lifesign: %s cannot be watched for now: %s", process.key, error)
        process.close()
        folder.process = None

    def forget(self, process: WatchedProcess) -> None:
        """It has ended, or can never be read again."""
        process.close()
        folder = self._folders[process.key]
        folder.process, folder.retry_at = None, math.inf

    def remove(self, process: WatchedProcess) -> None:
        """Removes the folder of a process that ended."""
        self._directory.remove(process.key)
        self.forget(process)

    def close(self) -> None:
        for process in self.processes():
            process.close()
        self._folders.clear()

    def _find(self, keys: Sequence[str], now: float) -> None:
        present = set(keys)
        for key in [key for key, one in self._folders.items() if key not in present and one.process is None]:
            del self._folders[key]
        self._cursors.keep(present | self._folders.keys())
        crowded = False
        free = _most_processes() - len(self.processes())
        for key in keys:
            folder = self._folders.setdefault(key, _Folder())
            if folder.process is not None or now < folder.retry_at:
                continue
            crowded = free <= 0 or not self._open(key, folder, now)
            if crowded:
                break
            free -= folder.process is not None
        if crowded and not self._crowded:
            _logger.warning("lifesign: there are more processes than can be watched: %d are", len(self.processes()))
        self._crowded = crowded

    def _open(self, key: str, folder: _Folder, now: float) -> bool:
        """Opens the process in a folder if there is one; False if we are short of descriptors or memory."""
        try:
            folder.process = WatchedProcess(
                self._directory,
                key,
                self._cursors.get(key),
                self._settings,
                self._environ,
                self._dead_letters,
                self._source,
            )
            folder.empty_since = None
        except FileNotFoundError:
            self._cursors.forget(key)  # its pulse is not in place yet; the next poll will find it
            folder.empty_since = now if folder.empty_since is None else folder.empty_since
            if now - folder.empty_since > _EMPTY_SECONDS:
                folder.retry_at = math.inf
        except PulseError as error:
            self._cursors.forget(key)
            folder.retry_at = math.inf
            self._dead_letters.keep(key, f"its pulse cannot be read: {error}", b"")
        except OSError as error:
            if error.errno in _SHORTAGE:
                return False  # our shortage, not a fault of this folder
            folder.retry_at = now + _AGAIN_SECONDS
            self._dead_letters.keep(key, f"its pulse cannot be opened: {error}", b"")
        return True


def _most_processes() -> int:
    """How many can be watched at a time: fewer if we may not open that many files."""
    try:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError:  # a sandbox does not allow it
        soft = 1024
    return PROCESSES_MAX if soft < 0 else max(1, min(PROCESSES_MAX, (soft - _DESCRIPTORS_SPARE) // _DESCRIPTORS))
