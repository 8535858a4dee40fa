"""How the kernel sees a process whose watchdog thread is late. Linux only; elsewhere there is no answer.

The process is found by its life token: the kernel says who holds the lock, as a process id of our own
namespace, and says 0 for a process that is not in it. A process id from a file could be another process here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import time
from types import MappingProxyType
from typing import Mapping, NamedTuple

from lifesign.control_groups import MOUNTS, folders, read_kernel_file

_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, pid
_THREADS_MAX = 64
NO_LOOP = -1  # a slot
_CONTENDED = 60.0  # per cent of the last ten seconds, as the kernel measures pressure


class Outside(NamedTuple):
    """What is seen from outside.

    `state` is the letter of ``/proc/PID/stat``. `cpu` is the processor time that it used since the first late
    poll and `over` the time that has gone by since then, both in nanoseconds and 0 at the first. `throttled`
    says whether its CPU quota ran out meanwhile, None where that cannot be read. `ran` is how long the thread that
    is late has run since then and `waited` how long it has waited for a processor, None where that is unknown;
    `queued` is the longest that another of its threads has waited.
    """

    state: str
    cpu: int = 0
    over: int = 0
    throttled: bool | None = None
    ran: int | None = None
    waited: int | None = None
    queued: int = 0


class _Thread(NamedTuple):
    """One thread as the scheduler counts it, nanoseconds."""

    state: str
    ran: int
    waited: int


class _Sample(NamedTuple):
    now: int
    cpu: int
    throttled: int | None
    threads: dict[int, _Thread]


class Kernel:
    """Asks the kernel about one process.

    Args:
        life: descriptor of its life token.
    """

    def __init__(self, life: int) -> None:
        self._life = life
        self._firsts: dict[int, _Sample] = {}  # by slot of a loop, the first sample after its last beat
        self._newest: _Sample | None = None
        self._waiting: dict[int, int] = {}  # by thread, since when it is seen to wait for a processor all the time

    def look(
        self, now: int, thread: int = 0, slot: int = NO_LOOP, beats: Mapping[int, int] = MappingProxyType({})
    ) -> Outside | None:
        """One poll of a process that is late, monotonic nanoseconds; `cpu` counts from the first after its last beat.

        What went on before that beat does not say why the next one is late.

        Args:
            thread: native id of the thread that is late, 0 for the main one.
            slot: of the loop that is late.
            beats: when each loop beat last, by slot.
        """
        try:
            pid = holder(self._life)
            if not pid:
                return None
            fields = stat_fields(pid)
            ticks = int(fields[11]) + int(fields[12])
            cpu = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
            sample = _Sample(now, cpu, _throttled(f"/proc/{pid}/cgroup"), _threads(pid, thread))
        except (OSError, ValueError, IndexError, struct.error):
            return None
        for which in (slot, *beats):
            if which not in self._firsts or beats.get(which, 0) > self._firsts[which].now:
                self._firsts[which] = sample
        first = self._firsts[slot]
        self._note_waits(sample)
        throttled = None
        if sample.throttled is not None and first.throttled is not None:
            throttled = sample.throttled > first.throttled
        over = now - first.now
        before, after = first.threads, sample.threads
        waits = {task: self._waited(task, first, sample) for task in before.keys() & after.keys()}
        late = thread if thread in waits else pid
        ran = after[late].ran - before[late].ran if late in waits else None
        # A process that is stopped is so as a whole; one that runs may have a thread that cannot.
        state = after[late].state if late in waits and fields[0] in ("R", "S") else fields[0]
        waited = waits.pop(late, None)
        return Outside(state, max(0, cpu - first.cpu), over, throttled, ran, waited, max(waits.values(), default=0))

    def forget(self) -> None:
        """It is no longer late."""
        self._newest = None
        self._firsts, self._waiting = {}, {}

    def _note_waits(self, sample: _Sample) -> None:
        before, self._newest = self._newest or sample, sample
        self._waiting = {
            task: self._waiting.get(task, before.now)
            for task, seen in sample.threads.items()
            if seen.state == "R" and before.threads.get(task) == seen
        }

    def _waited(self, task: int, first: _Sample, sample: _Sample) -> int:
        """How long a thread has waited for a processor: the kernel counts a wait only once it is over."""
        goes_on_since = max(first.now, self._waiting.get(task, sample.now))
        return max(0, sample.threads[task].waited - first.threads[task].waited) + sample.now - goes_on_since


def holder(life: int) -> int:
    """The process id of whoever holds a life token; 0 where it is nobody, or nobody that we can see.

    Raises:
        OSError: it is no token.
    """
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return 0
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(life, fcntl.F_GETLK, asked))
    return max(0, pid) if kind != fcntl.F_UNLCK else 0


def stat_fields(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the third on, the state.

    Raises:
        OSError: there is no such process.
    """
    # The second field is a name in brackets that may hold anything, spaces and brackets too.
    return read_kernel_file(f"/proc/{pid}/stat").rpartition(b")")[2].decode("ascii", "replace").split()


def contended() -> bool:
    """Whether somebody on this machine waits for a processor most of the time; False where that is not known."""
    try:
        some = read_kernel_file("/proc/pressure/cpu").split(b"\n", 1)[0].split()
        return float(some[1].removeprefix(b"avg10=")) >= _CONTENDED
    except (OSError, ValueError, IndexError):
        return False


def _threads(pid: int, late: int) -> dict[int, _Thread]:
    """The threads of a process, as many as are looked at; the late one and the main one always."""
    found: dict[int, _Thread] = {}
    with contextlib.suppress(OSError):
        tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task")[:_THREADS_MAX]]
        for task in {late, pid, *tasks} - {0}:
            with contextlib.suppress(OSError, ValueError, IndexError):
                state = read_kernel_file(f"/proc/{pid}/task/{task}/stat").rpartition(b")")[2].split()[0]
                ran, waited = read_kernel_file(f"/proc/{pid}/task/{task}/schedstat").split()[:2]
                found[task] = _Thread(state.decode("ascii", "replace"), int(ran), int(waited))
    return found


def began_at(pid: int) -> int:
    """When a process began, monotonic nanoseconds; 0 where that is not known."""
    try:
        since_boot = int(stat_fields(pid)[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return max(0, time.monotonic_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) + since_boot)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _throttled(groups: str, mounts: str = MOUNTS) -> int | None:
    """How often the quota of a control group, or of one above, ran out; None where that cannot be seen."""
    counts: list[int] = []
    for folder in folders(groups, "cpu", mounts):
        try:
            words = read_kernel_file(f"{folder}/cpu.stat").split()
            counts.append(int(words[words.index(b"nr_throttled") + 1]))
        except (OSError, ValueError, IndexError):
            continue  # the root group has none
    return sum(counts) if counts else None
