"""What this process uses: numbers that only itself can bring where a sidecar does not see its process.

All of it is read by the watchdog's thread and written into the pulse as words. What the platform does not say is 0.
"""

from __future__ import annotations

import errno
import gc
import os
import time
from typing import Any, Callable

from lifesign.control_groups import MemoryGroups, MemoryLimit, read_kernel_file
from lifesign.wire.writer import PulseWriter

try:
    import resource

    _rusage: Any = resource.getrusage
    _limit = resource.getrlimit
    _FILES = resource.RLIMIT_NOFILE
    _SELF = resource.RUSAGE_SELF
except ImportError:  # no POSIX system
    _rusage = None

MEMORY_SECONDS = 1.0  # a limit may be reached quickly, and who is killed there can say nothing afterwards
_DESCRIPTORS_MAX = 10_000  # that are counted one by one
_NOTHING = (0, 0, 0, 0, 0, 0)


class UsageWriter:
    """Writes the numbers when they are due.

    Args:
        interval: seconds after which they are read again.
    """

    def __init__(self, pulse: PulseWriter, interval: float, groups: Callable[[], MemoryGroups] = MemoryGroups) -> None:
        self._pulse = pulse
        self._interval = interval
        self._next = self._next_memory = time.monotonic()
        self._find_groups = groups
        self._limit: MemoryLimit | None = None

    def beat(self) -> None:
        """Reads what is due."""
        now = time.monotonic()
        if self._next - now > self._interval:  # the clock was set back
            self._next = self._next_memory = now
        if now >= self._next:
            self._next = now + self._interval
            self._pulse.usage.write(time.monotonic_ns(), *_times_and_counts(), *_memory_and_threads(), descriptors())
            self._pulse.garbage.write(time.monotonic_ns(), *_collections())
            self._limit = self._find_groups().limit()  # anew: it may have been put elsewhere, or have another limit
        if now >= self._next_memory and self._limit is not None:
            self._next_memory = now + MEMORY_SECONDS
            memory = self._limit.memory()
            if memory is not None:
                self._pulse.memory.write(time.monotonic_ns(), *memory)


def _times_and_counts() -> tuple[int, ...]:
    """Processor time in user and system mode, context switches (voluntary or not), page faults (minor, major)."""
    if _rusage is None:
        return _NOTHING
    used = _rusage(_SELF)
    times = int(used.ru_utime * 1e9), int(used.ru_stime * 1e9)
    return (*times, used.ru_nvcsw, used.ru_nivcsw, used.ru_minflt, used.ru_majflt)


def _memory_and_threads() -> tuple[int, int]:
    try:
        fields = read_kernel_file("/proc/self/stat").rpartition(b")")[2].split()
        return int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), int(fields[17])
    except (OSError, ValueError, IndexError):
        return 0, 0


def descriptors() -> int:
    """How many are open; 0 where that cannot be known."""
    try:
        counted = os.stat("/proc/self/fd").st_size  # since Linux 6.2
        if counted:
            return counted
        with os.scandir("/proc/self/fd") as entries:
            return min(sum(1 for _, _ in zip(range(_DESCRIPTORS_MAX), entries)), _DESCRIPTORS_MAX)
    except OSError as error:
        return most_descriptors() if error.errno == errno.EMFILE else 0


def most_descriptors() -> int:
    """How many may be open, -1 for no limit; 0 where that cannot be known."""
    return 0 if _rusage is None else _limit(_FILES)[0]


def _collections() -> list[int]:
    """Of each generation: how often it was collected, and how many objects were, or could not be."""
    keys = ("collections", "collected", "uncollectable")
    return [int(generation.get(key, 0)) for generation in gc.get_stats()[:3] for key in keys]
