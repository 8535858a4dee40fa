"""The files of a run directory: their names, who may use them, how they are made, opened, locked and removed.

::

    <run directory>/<pid>-<8 hex>/life         locked for as long as the process lives, however it ends
                                  pulse        see `wire.layout`, also of ``loops-1`` ...; appears when all is in place
                                  requests     of the sidecar, a copy of the pulse's request block
                                  attached     while this is there, where `lifesign attach` brought the agent in
                                  last-words   what faulthandler wrote; on demand: ``stacks``, see `wire.stacks`
                    run.json                   see `wire.runfile`
                    stopping.json              see `wire.stopping`
                    sidecar.lock               locked by the sidecar that watches
                    dry-run.lock               locked by the processes of a dry run, see `agent.dryrun.worker`

Each process makes its own folder (`OwnFolder`) and is the only one that writes there, but for ``requests``.
Everybody else opens it as a `Folder`, and trusts nothing that is in it. Nobody but the process's user may write to
the other files: whoever shortens a mapped file ends the process that has mapped it by SIGBUS.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from itertools import islice
from typing import Mapping, Union

from lifesign.wire import layout

PULSE, LIFE = "pulse", "life"
LAST_WORDS = "last-words"
STACKS, STACKS_OFFER = "stacks", "stacks.json"
REQUESTS, ATTACHED = "requests", "attached"
RUN_FILE, STOPPING_FILE = "run.json", "stopping.json"
SIDECAR_LOCK = "sidecar.lock"
DRY_RUN_LOCK = "dry-run.lock"

_UNFINISHED = "pulse.new"
_FILES = (PULSE, _UNFINISHED, LIFE, LAST_WORDS, REQUESTS, STACKS, STACKS_OFFER, ATTACHED, *layout.LOOPS_FILES)
_KEY = r"[0-9]{1,10}-[0-9a-f]{8}"  # compiled by who looks for them, not by the processes
_ENTRIES_MAX = 100_000  # of a run directory that are looked at
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_UNTRUSTED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: opening a FIFO must not hang


class PulseError(Exception):
    """This file is not what it should be, and never will be; the message says why."""


class OwnFolder:
    """The folder of this process, made new; its life token is locked.

    The run directory says who may watch: the folder and its files have its group, and may be read by the group and
    others where it may. Where they may write to it, they may write requests.

    Args:
        directory: the run directory.
        pid: of this process.

    Raises:
        OSError: the run directory cannot be used. Nothing is left behind.
    """

    def __init__(self, directory: str, pid: int) -> None:
        shared = os.stat(directory)
        self._group = shared.st_gid
        granted = shared.st_mode & (0o077 | stat.S_ISGID)  # with which the kernel gives its files the right group
        self.mode = 0o600 | granted & 0o044  # of each file
        self._requests_mode = 0o600 | granted & 0o066
        self.path = os.path.join(directory, f"{pid}-{os.urandom(4).hex()}")
        self._life = -1
        self._life_file = (0, 0)
        os.mkdir(self.path, 0o700)
        try:
            self.share(self.path, 0o700 | granted)  # `mkdir` applies the umask and ignores set-group-id
            # Closing any descriptor of this file would drop the lock: nothing else here ever opens it.
            self._life = self.create(LIFE)
            self._life_file = _identity(os.fstat(self._life))
            requests = self.create(REQUESTS)
            try:
                os.fchmod(requests, self._requests_mode)
                os.ftruncate(requests, layout.REQUESTS_SIZE)
            finally:
                os.close(requests)
            fcntl.lockf(self._life, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self.discard()
            raise

    @property
    def unfinished(self) -> str:
        """Where the pulse is written until `publish`."""
        return os.path.join(self.path, _UNFINISHED)

    def publish(self) -> None:
        """Moves the pulse into place: from now on the process is visible."""
        self.share(self.unfinished, self.mode)
        os.rename(self.unfinished, os.path.join(self.path, PULSE))

    def create(self, name: str, flags: int = 0) -> int:
        """A new file in it; returns its descriptor, open for reading and writing."""
        path = os.path.join(self.path, name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | flags, 0o600)
        self._grant(descriptor, self.mode)
        return descriptor

    def requests(self) -> bytes:
        """What the sidecar has written in ``requests``; empty where somebody put something else in its place."""
        try:
            descriptor = os.open(os.path.join(self.path, REQUESTS), os.O_RDONLY | _UNTRUSTED)
            try:
                return os.pread(descriptor, layout.REQUESTS_SIZE, 0)
            finally:
                os.close(descriptor)
        except OSError:
            return b""

    def is_held(self) -> bool:
        """Whether the life token's descriptor is still ours: a program may close all, and use the numbers itself."""
        try:
            return _identity(os.fstat(self._life)) == self._life_file
        except OSError:
            return False

    def hold_again(self) -> None:
        """Opens and locks the life token anew, where its descriptor is gone.

        Raises:
            OSError: it is not there any more.
        """
        descriptor = os.open(os.path.join(self.path, LIFE), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        if _identity(os.fstat(descriptor)) != self._life_file:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "another file is in its place", LIFE)
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._life = descriptor

    def abandon(self) -> None:
        """In a forked child: closes what belongs to the parent. Record locks are not inherited, so none is lost."""
        if self.is_held():
            os.close(self._life)

    def discard(self) -> None:
        """Removes everything again; nobody has seen it yet."""
        if self._life >= 0:
            os.close(self._life)
        for name in _FILES:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.path, name))
        with contextlib.suppress(OSError):
            os.rmdir(self.path)

    def share(self, path: str, mode: int) -> None:
        """Gives what is ours to the run directory's group, with this mode."""
        descriptor = os.open(path, os.O_RDONLY | _UNTRUSTED)  # others may have put a link to somewhere in its place
        try:
            self._grant(descriptor, mode)
        finally:
            os.close(descriptor)

    def _grant(self, descriptor: int, mode: int) -> None:
        with contextlib.suppress(OSError):  # we are not in that group
            if os.fstat(descriptor).st_gid != self._group:
                os.fchown(descriptor, -1, self._group)
        os.fchmod(descriptor, mode)


class Folder:
    """A process folder as everybody else opens it.

    Args:
        directory: descriptor of the run directory.
        key: name of the folder.

    Raises:
        PulseError: its life token is no plain file.
        OSError: it is gone, a link, or not for us.
    """

    def __init__(self, directory: int, key: str) -> None:
        self.descriptor = os.open(key, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            self.life = open_regular(LIFE, self.descriptor)
        except BaseException:
            os.close(self.descriptor)
            raise

    def is_alive(self) -> bool:
        """Whether the process lives: the kernel frees its life token however it ends."""
        return _is_locked(self.life)

    def close(self) -> None:
        os.close(self.life)
        os.close(self.descriptor)


def open_directory(path: str) -> int:
    """A descriptor of a run directory; raises OSError."""
    return os.open(path, _DIRECTORY)


def keys(directory: int, most: int) -> list[str]:
    """Names of the process folders in a run directory (a descriptor), at most `most`, the lowest first.

    Raises:
        OSError: the directory cannot be read for now.
    """
    with os.scandir(directory) as entries:
        found = [entry.name for entry in islice(entries, _ENTRIES_MAX) if re.fullmatch(_KEY, entry.name)]
    return sorted(found)[:most]


def remove(directory: int, key: str) -> None:
    """Removes a process folder; what is not ours in it stays, and so does the folder then."""
    with contextlib.suppress(OSError):
        folder = os.open(key, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            for name in _FILES:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)
        os.rmdir(key, dir_fd=directory)


def replace_file(directory: str, name: str, content: Mapping[str, Union[int, str, None]]) -> None:
    """Replaces a JSON file in a run directory as a whole; who may read the directory may read it.

    Raises:
        OSError: the run directory cannot be written.
    """
    import json  # what the agent writes has no use for it

    path = os.path.join(directory, name)
    new = f"{path}.{os.urandom(8).hex()}"  # that nobody knows: others may be allowed to put links into this directory
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        with contextlib.suppress(OSError):  # not all file systems and sandboxes have it
            os.fchmod(descriptor, 0o600 | stat.S_IMODE(os.stat(directory).st_mode) & 0o044)  # whatever the umask
        json.dump(content, file)
    os.replace(new, path)


def open_regular(name: str, directory: int, flags: int = os.O_RDONLY) -> int:
    """Opens a plain file inside the directory `directory` (a descriptor); never a link or a device.

    A hard link is none either: it may be a file from elsewhere on the same volume.

    Raises:
        PulseError: it is something else.
        OSError: it cannot be opened.
    """
    # Looked at before, because opening a device may do something; and after, because it may be another file by then.
    _demand_plain(os.stat(name, dir_fd=directory, follow_symlinks=False), name)
    try:
        descriptor = os.open(name, flags | _UNTRUSTED, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise PulseError(f"{name} is a link or a pipe, not a file") from None
        raise
    try:
        _demand_plain(os.fstat(descriptor), name)
    except PulseError:
        os.close(descriptor)
        raise
    return descriptor


def is_held(name: str, directory: int) -> bool:
    """Whether some other process holds the lock `name` in the directory `directory` (a descriptor)."""
    with contextlib.suppress(OSError, PulseError), contextlib.ExitStack() as opened:
        descriptor = open_regular(name, directory)
        opened.callback(os.close, descriptor)
        return _is_locked(descriptor)
    return False


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _demand_plain(found: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PulseError(f"{name} is not a regular file")
    if found.st_nlink > 1:
        raise PulseError(f"{name} is a hard link to a file that has other names")


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return True
        raise
    fcntl.lockf(descriptor, fcntl.LOCK_UN)
    return False
