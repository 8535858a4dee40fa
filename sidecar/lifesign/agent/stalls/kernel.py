"""What the kernel says of threads, of the quota of this process and of the machine; all of it is Linux's.

What is not there reads as None or 0: then nobody is acquitted by it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from lifesign.control_groups import MOUNTS, folders, read_kernel_file

try:
    import resource

    _usage: Any = resource.getrusage
    _THREAD: int | None = getattr(resource, "RUSAGE_THREAD", None)
except ImportError:  # no POSIX system
    _THREAD = None

_TICK_NS = 10_000_000  # of /proc/stat; no kernel counts it otherwise
_FILES_MAX = 8


class ThreadTime:
    """How long a thread has used a processor, and how long it was ready to and got none, in nanoseconds."""

    def __init__(self, cpu_ns: int, queued_ns: int) -> None:
        self.cpu_ns = cpu_ns
        self.queued_ns = queued_ns


def thread_time(native_thread: int) -> ThreadTime | None:
    """Read from the kernel's scheduler; None where that cannot be had."""
    try:
        cpu, queued, _ = read_kernel_file(f"/proc/self/task/{native_thread}/schedstat").split()
        return ThreadTime(int(cpu), int(queued))
    except (OSError, ValueError):
        return None


def state(native_thread: int) -> tuple[str, int]:
    """The letter of what a thread does now, and at how many page faults it has waited for a disk so far."""
    try:
        fields = read_kernel_file(f"/proc/self/task/{native_thread}/stat").rpartition(b") ")[2].split()
        return fields[0].decode("ascii", "replace"), int(fields[9])
    except (OSError, ValueError, IndexError):
        return "", 0


def switches() -> int:
    """How often this thread has waited for something so far, such as for its turn with the GIL."""
    return 0 if _THREAD is None else int(_usage(_THREAD).ru_nvcsw)


def waits_for_gil(seconds: float) -> float:
    """How often a thread wakes up that waits for the GIL for so long."""
    return seconds / max(sys.getswitchinterval(), 1e-4)


def threads() -> list[int]:
    """The native ids of all threads; none where the system does not say."""
    try:
        return [int(name) for name in os.listdir("/proc/self/task")]
    except (OSError, ValueError):
        return []


def stolen_ns() -> int:
    """For how long a hypervisor has had the processors of this machine for others."""
    try:
        return int(read_kernel_file("/proc/stat").split(maxsplit=9)[8]) * _TICK_NS
    except (OSError, ValueError, IndexError):
        return 0


class Quota:
    """The files in which control groups count for how long they had used up their share of the processors.

    Args:
        groups: says in which groups this process is.
        mounts: see `control_groups.folders`.
    """

    def __init__(self, groups: str = "/proc/self/cgroup", mounts: str = MOUNTS) -> None:
        files = [f"{folder}/cpu.stat" for folder in reversed(folders(groups, "cpu", mounts))]
        self._files = [file for file in files if _counts(file)[0]][:_FILES_MAX]

    def throttled_ns(self) -> int:
        """For how long they were throttled so far."""
        return max((_counts(file)[1] for file in self._files), default=0)


def _counts(file: str) -> tuple[int, int]:
    """How many periods of a quota there were, and for how many nanoseconds it was used up."""
    try:
        lines = read_kernel_file(file).decode("ascii", "replace").splitlines()
        counts = {name: int(value) for name, value in (line.split() for line in lines)}
    except (OSError, ValueError):
        return 0, 0
    return counts.get("nr_periods", 0), counts.get("throttled_usec", 0) * 1000 or counts.get("throttled_time", 0)
