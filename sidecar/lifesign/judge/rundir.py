"""The run directory: its process folders, and what the supervisor wrote. Nothing in it is trusted."""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import NamedTuple

from lifesign.errors import RunDirectoryError
from lifesign.judge.reading import Ending
from lifesign.wire import folder
from lifesign.wire.folder import RUN_FILE, SIDECAR_LOCK, Folder, PulseError, is_held, open_regular
from lifesign.wire.reader import PulseReader, VersionError

PROCESSES_MAX = 1000
_RUN_STATE_BYTES = 4096
_SIBLINGS_MAX = 100_000
_SAME_PID_MAX = 20
_SAME_START_NS = 500_000_000  # the kernel counts in hundredths of a second, and clocks are read one after the other
_SIGNAL_NAME = re.compile(r"[A-Z0-9+-]{1,20}")
_EXIT_CODE_MAX = 255
_MOMENT_MAX = 1 << 62
# What `wire.runfile` writes. Not isinstance: True is an int.
_RUN_STATE: dict[str, tuple[type, ...]] = {
    "pid": (int,),
    "asked": (str, type(None)),
    "exit_code": (int, type(None)),
    "signal": (str, type(None)),
    "asked_at": (int, type(None)),
}


class Incarnation(NamedTuple):
    """One life of a process in the run directory.

    `key` is the name of its folder, `started` when the process began, in monotonic nanoseconds: its number may have
    been another's. `worker`: another Python process made it.
    """

    key: str
    pid: int
    started: int
    worker: bool = False


class RunDirectory:
    """An open run directory.

    Raises:
        RunDirectoryError: it is missing, no directory, or not readable for us.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.descriptor = folder.open_directory(path)
        except FileNotFoundError:
            raise RunDirectoryError(
                f"the run directory {path} does not exist",
                "mkdir it, or set LIFESIGN_DIR to the directory that the main process uses",
            ) from None
        except NotADirectoryError:
            raise RunDirectoryError(f"the run directory {path} is not a directory", "name a directory") from None
        except OSError as error:
            raise RunDirectoryError(
                f"the run directory {path} cannot be opened: {error.strerror}",
                "main process and sidecar must both be allowed into it: compare their users and groups",
            ) from None

    def close(self) -> None:
        os.close(self.descriptor)

    def changed(self) -> int:
        """When an entry came or went, nanoseconds as the file system counts them; raises OSError."""
        return os.fstat(self.descriptor).st_mtime_ns

    def is_in_use(self) -> bool:
        """Whether some other process watches it, or lives in it."""
        return is_held(SIDECAR_LOCK, self.descriptor) or bool(self.living())

    def living(self) -> list[str]:
        """Names of the folders whose processes live."""
        return list(filter(self._is_alive, self.names()))

    def names(self) -> list[str]:
        """Names of the process folders, the lowest first; none while the directory cannot be read."""
        try:
            return self.listed(PROCESSES_MAX)
        except OSError:
            return []

    def listed(self, most: int) -> list[str]:
        """Names of the process folders, at most `most`, the lowest first.

        Raises:
            OSError: the directory cannot be read for now.
        """
        return folder.keys(self.descriptor, most)

    def open(self, key: str) -> Folder:
        """One process folder; raises as `Folder` does."""
        return Folder(self.descriptor, key)

    def remove(self, key: str) -> None:
        """Removes a process folder of ours; what is not ours in it stays, and so does the folder then."""
        folder.remove(self.descriptor, key)

    def other_version(self, key: str) -> str:
        """Why a living process cannot be watched that has an agent of another version; nothing for all others."""
        if self._is_alive(key):
            with contextlib.suppress(OSError, PulseError), contextlib.closing(self.open(key)) as opened:
                try:
                    PulseReader(opened.descriptor).close()
                except VersionError as error:
                    return f"process {key} is of another version of lifesign and not watched: {error}"
        return ""

    def _is_alive(self, key: str) -> bool:
        try:
            opened = self.open(key)
        except (OSError, PulseError):
            return False
        with contextlib.closing(opened), contextlib.suppress(OSError):
            return opened.is_alive()
        return False

    def ending(self, who: Incarnation, *, over: bool) -> Ending:
        """What is written down of the end of a process; its exit status if it is CMD.

        Args:
            over: whether its life token is free, or it has a tombstone.
        """
        ending = self._from_supervisor(who.pid)
        if not over:
            return ending
        return ending._replace(child=ending.child or who.worker, replaced=self._has_newer_life(who))

    def _from_supervisor(self, pid: int) -> Ending:
        try:
            descriptor = open_regular(RUN_FILE, self.descriptor)
        except (OSError, PulseError):
            return Ending()
        try:
            state = json.loads(os.read(descriptor, _RUN_STATE_BYTES))
        except (OSError, ValueError, RecursionError):
            return Ending()
        finally:
            os.close(descriptor)
        if not isinstance(state, dict) or any(type(state.get(name)) not in types for name, types in _RUN_STATE.items()):
            return Ending()
        asked, exit_code, signal, asked_at = (state.get(name) for name in ("asked", "exit_code", "signal", "asked_at"))
        if not all(_SIGNAL_NAME.fullmatch(name) for name in (asked, signal) if name is not None):
            return Ending()
        if not (0 <= (exit_code or 0) <= _EXIT_CODE_MAX and 0 <= (asked_at or 0) < _MOMENT_MAX):
            return Ending()
        if state["pid"] != pid:
            return Ending(asked, asked_at=asked_at, child=True)
        return Ending(asked, exit_code, signal, exit_code is None and signal is None, asked_at)

    def _has_newer_life(self, who: Incarnation) -> bool:
        """Whether the process has a newer folder: after an ``exec``, or when its agent began anew."""
        try:
            published = os.stat(who.key, dir_fd=self.descriptor, follow_symlinks=False).st_mtime_ns
            others = [name for name in self.listed(_SIBLINGS_MAX) if name.startswith(f"{who.pid}-") and name != who.key]
        except OSError:
            return False
        return any(self._is_newer(other, published, who.started) for other in others[:_SAME_PID_MAX])

    def _is_newer(self, key: str, published: int, started: int) -> bool:
        with contextlib.suppress(OSError, PulseError, ValueError, RecursionError), contextlib.ExitStack() as opened:
            if os.stat(key, dir_fd=self.descriptor, follow_symlinks=False).st_mtime_ns <= published:
                return False
            other = self.open(key)
            opened.callback(other.close)
            pulse = PulseReader(other.descriptor)
            opened.callback(pulse.close)
            identity = json.loads(pulse.identity())
            began = identity.get("started_mono_ns") if isinstance(identity, dict) else None
            return isinstance(began, int) and abs(began - started) < _SAME_START_NS
        return False
