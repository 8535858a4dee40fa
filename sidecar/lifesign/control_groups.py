"""Files of the control groups that a process is in, of both versions; all of it is Linux's."""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
_READ_BYTES = 4096
_LIMITS = ("memory.max", "memory.limit_in_bytes")
_UNLIMITED = 1 << 60  # bytes; the first version has no word for it


class MemoryGroups:
    """The control groups that a process is in, from the outermost to its own.

    Args:
        groups: the file that says in which it is.
        root: where they are mounted.
    """

    def __init__(self, groups: str = "/proc/self/cgroup", root: str = ROOT) -> None:
        found = folders(groups, "memory", ("memory",), root)
        self._folders = [folder for folder in found if any(os.path.exists(f"{folder}/{name}") for name in _LIMITS)]

    def memory(self) -> tuple[int, int, int] | None:
        """The memory of the group that limits a process most, in bytes: used, limit, held; None where none does.

        Held is what of it the kernel cannot take back without a swap: not what it keeps of files. It is read only where
        the limit is near, else 0.
        """
        tightest: tuple[int, str] | None = None
        for folder in self._folders:
            limit = _limit(folder)
            if limit is not None and (tightest is None or limit <= tightest[0]):
                tightest = limit, folder
        if tightest is None:
            return None
        limit, folder = tightest
        used = _number(folder, "memory.current", "memory.usage_in_bytes")
        if used is None:
            return None
        return used, limit, _held(folder, used) if used >= limit * 0.8 else 0

    def oom_kills(self) -> int | None:
        """How many processes of its own group the OOM killer has ended; None where that is not known."""
        for folder in reversed(self._folders):
            for name in ("memory.events", "memory.oom_control"):
                killed = _counts(folder, name).get("oom_kill")
                if killed is not None:
                    return killed
        return None


def folders(groups: str, controller: str, mounts: tuple[str, ...], root: str = ROOT) -> list[str]:
    """Where the files of a controller may be, from the outermost group to a process's own.

    A group's limits hold for all below it; inside of a container the mounted root may be the group itself, whatever the
    path says.

    Args:
        mounts: under which names the first version mounts the controller.
    """
    try:
        lines = read_kernel_file(groups).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    found: dict[str, None] = {}
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        # The second version has no controllers here.
        for mount in ("", "unified") if not controllers else (controllers, *mounts):
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for depth in range(len(parts) + 1):
                found[os.path.join(root, mount, *parts[:depth])] = None
    return [folder for folder in found if os.path.isdir(folder)]


def read_kernel_file(path: str, most: int = _READ_BYTES) -> bytes:
    """The beginning of a file of the kernel's; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _limit(folder: str) -> int | None:
    limit = _number(folder, *_LIMITS)
    return limit if limit is not None and 0 < limit < _UNLIMITED else None


def _number(folder: str, *names: str) -> int | None:
    for name in names:
        try:
            return int(read_kernel_file(f"{folder}/{name}"))
        except (OSError, ValueError):
            continue
    return None


def _held(folder: str, used: int) -> int:
    counts = _counts(folder, "memory.stat")
    files = counts.get("file", counts.get("total_cache"))
    shared = counts.get("shmem", counts.get("total_shmem", 0))
    return 0 if files is None else max(0, used - files + shared)


def _counts(folder: str, name: str) -> dict[str, int]:
    try:
        lines = read_kernel_file(f"{folder}/{name}").decode("ascii", "replace").splitlines()
    except OSError:
        return {}
    words = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdecimal()}
