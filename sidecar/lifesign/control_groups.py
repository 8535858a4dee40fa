"""Files of the control groups that a process is in, of both versions; all of it is Linux's."""

from __future__ import annotations

import functools
import os

MOUNTS = "/proc/self/mountinfo"
_READ_BYTES = 4096
_MOUNTS_BYTES = 1 << 20
_LEVELS_MAX = 32  # of nested groups that are looked at, those next to the process
_LIMITS = ("memory.max", "memory.limit_in_bytes")
_UNLIMITED = 1 << 60  # bytes; the first version has no word for it


class MemoryGroups:
    """The control groups that a process is in, from the outermost to its own.

    Args:
        groups: the file that says in which it is.
        mounts: see `folders`.
    """

    def __init__(self, groups: str = "/proc/self/cgroup", mounts: str = MOUNTS) -> None:
        found = folders(groups, "memory", mounts)
        self._folders = [folder for folder in found if any(os.path.exists(f"{folder}/{name}") for name in _LIMITS)]

    def limit(self) -> MemoryLimit | None:
        """Of the group that limits the process most, the innermost of those that are alike; None where none does."""
        limits = [
            MemoryLimit(folder, limit) for folder in reversed(self._folders) if (limit := _limit(folder)) is not None
        ]
        return min(limits, key=lambda one: one.limit, default=None)

    def oom_kills(self) -> int | None:
        """How many processes of its own group the OOM killer has ended; None where that is not known."""
        for folder in reversed(self._folders):
            for name in ("memory.events", "memory.oom_control"):
                killed = _counts(folder, name).get("oom_kill")
                if killed is not None:
                    return killed
        return None


class MemoryLimit:
    """The limit of a control group, in bytes, and the folder with its files."""

    def __init__(self, folder: str, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    def memory(self) -> tuple[int, int, int] | None:
        """The memory of the group, in bytes: used, limit, held; None where it is gone.

        Held is what of it the kernel cannot take back without a swap: not what it keeps of files. It is read only where
        the limit is near, else 0.
        """
        used = _number(self.folder, "memory.current", "memory.usage_in_bytes")
        if used is None:
            return None
        return used, self.limit, _held(self.folder, used) if used >= self.limit * 0.8 else 0


class _Mount:
    """Which groups are mounted where: those of the hierarchy with these controllers, from the group `root` on."""

    def __init__(self, controllers: frozenset[str], root: str, point: str) -> None:
        self.controllers = controllers  # none in the second version
        self.root = root  # without a slash at the end
        self.point = point


def folders(groups: str, controller: str, mounts: str = MOUNTS) -> list[str]:
    """Where the files of a controller may be, from the outermost group to a process's own.

    A group's limits hold for all below it. It is seen where it lies below one that is mounted here. In a container that
    may be the container's own, and a process in another container is not below that, whether paths begin at the
    machine's root or, in a namespace, at ours, from which ".." leads to the others.

    Args:
        groups: the file that says in which groups the process is.
        mounts: the file that says what is mounted where.
    """
    try:
        lines = read_kernel_file(groups).decode("utf-8", "surrogateescape").splitlines()
        mounted = _mounted(mounts)
    except OSError:
        return []
    found: dict[str, None] = {}
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        named = controllers.split(",") if controllers else []
        if named and controller not in named:
            continue
        for mount in mounted:
            fits = controller in mount.controllers if named else not mount.controllers
            inside = _below(path, mount.root) if fits else None
            if inside is not None and os.path.isdir("/".join((mount.point, *inside))):
                levels = range(len(inside) + 1)[-_LEVELS_MAX:]
                found.update(dict.fromkeys("/".join((mount.point, *inside[:level])) for level in levels))
                break
    return list(found)


def _below(path: str, root: str) -> list[str] | None:
    """The names from `root` down to `path`; None where it lies elsewhere."""
    if not path or not f"{path}/".startswith(f"{root}/"):
        return None
    names = [name for name in path[len(root) :].split("/") if name]
    return None if ".." in names else names


@functools.lru_cache(maxsize=4)
def _mounted(mounts: str) -> list[_Mount]:
    """What is mounted of control groups, first what shows most of them. Raises OSError."""
    with open(mounts, "rb") as file:
        content = file.read(_MOUNTS_BYTES)
    found: list[_Mount] = []
    for line in content.split(b"\n"):
        if b" - cgroup" not in line:
            continue
        place, _, kind = line.partition(b" - ")
        where, what = place.split(b" "), kind.split(b" ")
        if len(where) >= 5 and len(what) >= 3 and what[0] in (b"cgroup", b"cgroup2"):
            options = what[2].decode("ascii", "replace").split(",") if what[0] == b"cgroup" else []
            found.append(_Mount(frozenset(options), _path(where[3]), _path(where[4])))
    return sorted(found, key=lambda mount: len(mount.root))


def _path(escaped: bytes) -> str:
    """A path of a table of mounts, where a space and the like stand in octal."""
    first, *others = escaped.split(b"\\")
    plain = first + b"".join(bytes((int(other[:3], 8) & 0xFF,)) + other[3:] for other in others)
    return os.fsdecode(plain).rstrip("/")


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
