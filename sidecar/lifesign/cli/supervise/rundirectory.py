"""The run directory, as the commands make it and find it again."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import secrets
import shutil
import stat
import tempfile
import time

from lifesign.cli.output.permissions import closed_to_others
from lifesign.errors import RunDirectoryError

_MEMORY = "/dev/shm"  # noqa: S108 - only ever as the place of a private directory
_PREFIX = "lifesign-"
_SECRET = re.compile(r"[0-9a-f]{32}")
_NAMED_MAX = 3  # in an error
_KEPT = 86400.0  # seconds for which one that nobody uses any more is kept


def make(path: str | None, stack: contextlib.ExitStack) -> str:
    """The absolute path of a run directory to work in.

    Args:
        path: the one asked for; made where it is missing. None for a private one, on memory where
            the platform offers that.
        stack: removes a private one when it is closed.

    Raises:
        RunDirectoryError: it is no directory, or cannot be made or written.
    """
    if path is not None:
        return _make(os.path.abspath(path))
    directory = _make_private()
    stack.callback(_remove, directory)
    return _for_every_user(directory) if _may_change_user() else directory


def find(path: str | None) -> str:
    """The run directory to look into: `path`, or the only one of this user's that is in use, or that there is.

    Raises:
        RunDirectoryError: there is none, or there are several to choose from.
    """
    newest, *_ = found(path)
    if len(newest) > 1:
        named = ", ".join(map(_described, sorted(newest, key=_changed, reverse=True)[:_NAMED_MAX]))
        more = f" and {len(newest) - _NAMED_MAX} more" if len(newest) > _NAMED_MAX else ""
        raise RunDirectoryError(f"there are {len(newest)} run directories of yours", f"--dir with one of {named}{more}")
    return newest[0]


def found(path: str | None) -> list[list[str]]:
    """The run directories to look into: `path` alone, or those of this user's that are in use, and then the others.

    Raises:
        RunDirectoryError: there is none, or it cannot be looked into.
    """
    if path is not None:
        from lifesign.judge.rundir import RunDirectory  # the supervisor has no use for it

        RunDirectory(path).close()
        return [[_inner(path)]]
    every = list(map(_inner, _private()))
    if not every:
        raise RunDirectoryError(
            "nothing of yours is watched: there is no run directory", "lifesign run -- CMD, or --dir DIR"
        )
    in_use = list(filter(_is_in_use, every))
    return list(filter(None, (in_use, [entry for entry in every if entry not in in_use])))


def _described(path: str) -> str:
    """As short as `found` takes it, with the processes that live there."""
    from lifesign.judge.rundir import RunDirectory

    pids: list[str] = []
    with contextlib.suppress(RunDirectoryError), contextlib.closing(RunDirectory(path)) as directory:
        pids = [key.partition("-")[0] for key in directory.living()]
    short = made_for(path)[-1]
    return f"{short} (process {' and '.join(pids[:2])})" if pids else short


def _changed(path: str) -> float:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return 0.0


def discard(path: str) -> None:
    """Removes a private run directory that nobody uses any more; leaves any other alone."""
    for outer in _private():
        if path == _inner(outer) and not _is_in_use(path):
            _remove(outer)


def made_for(path: str) -> tuple[str, ...]:
    """The folders that were made for a private run directory, innermost first."""
    return (path, os.path.dirname(path)) if _SECRET.fullmatch(os.path.basename(path)) else (path,)


def _remove(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _sweep() -> None:
    """Removes what supervisors that were killed left behind, and nobody has looked at for a day: it takes memory."""
    before = time.time() - _KEPT
    for path in _private():
        with contextlib.suppress(OSError):
            inner = _inner(path)
            if os.lstat(inner).st_mtime < before and not _is_in_use(inner):
                _remove(path)


def _is_in_use(path: str) -> bool:
    """Whether a sidecar watches a run directory, or a process lives in it."""
    from lifesign.judge.rundir import RunDirectory  # the supervisor has no use for it

    try:
        with contextlib.closing(RunDirectory(path)) as directory:
            return directory.is_in_use()
    except RunDirectoryError:
        return False


def _private() -> list[str]:
    found = (entry for place in _places() for entry in glob.glob(os.path.join(place, _PREFIX + "*")))
    return sorted(filter(_is_ours, found))


def _places() -> list[str]:
    places = [_MEMORY]
    with contextlib.suppress(OSError):  # there may be no place for temporary files at all
        places.append(tempfile.gettempdir())
    return places


def _is_ours(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _may_change_user() -> bool:
    return os.geteuid() == 0


def _for_every_user(directory: str) -> str:
    """A run directory below a private one, for a CMD that gives up being root before its loop starts.

    Any user may make a process folder there who knows its name, and only CMD and the sidecar do: nobody else can list
    `directory`.
    """
    inner = os.path.join(directory, secrets.token_hex(16))
    os.mkdir(inner)
    os.chmod(inner, 0o1777)  # noqa: S103 - see above; `mkdir` heeds the umask
    os.chmod(directory, 0o711)  # noqa: S103 - to pass through, not to read
    return inner


def _inner(directory: str) -> str:
    """The run directory that a private one of ours holds, or is."""
    with contextlib.suppress(OSError):
        names = os.listdir(directory)
        if len(names) == 1 and _SECRET.fullmatch(names[0]):
            return os.path.join(directory, names[0])
    return directory


def _make_private() -> str:
    _sweep()
    place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    try:
        return tempfile.mkdtemp(prefix=_PREFIX, dir=place)
    except OSError as error:
        raise RunDirectoryError(f"no private run directory can be made: {error.strerror}", "--dir DIR") from None


def _make(path: str) -> str:
    try:
        with closed_to_others():  # the folders above it too
            os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(
            f"the run directory {path} cannot be made: {error.strerror}", "--dir with another one"
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise RunDirectoryError(f"the run directory {path} cannot be written", f"chmod u+rwx {path}, or --dir DIR")
    return path
