"""What a process uses: as it says itself, and newer where the kernel shows it to us.

A process that is frozen says nothing more, and in a pod that shares no PID namespace nobody else can see it: so neither
is enough.
"""

from __future__ import annotations

import contextlib
import os

import msgspec

from lifesign.control_groups import MemoryGroups, read_kernel_file
from lifesign.judge.kernel import holder, stat_fields
from lifesign.watch.telemetry import MemoryReading, UsageReading
from lifesign.wire.process.usage import MemorySigns, OwnNumbers
from lifesign.wire.reader import PulseReader

_PAUSE_NS = 1_000_000_000
_USED = ("user", "system", "voluntary", "involuntary", "minor_faults", "major_faults")  # which never become less


class ProcessUsage:
    """The newest numbers of one process.

    Args:
        life: descriptor of its life token, by which the kernel says who it is.
    """

    def __init__(self, pulse: PulseReader, life: int) -> None:
        self._pulse = pulse
        self._life = life
        self._next = 0
        self._groups: MemoryGroups | None = None
        self._where = b""
        self._oom_kills: int | None = None
        self.usage: UsageReading | None = None
        self.memory: MemorySigns | None = None

    def read(self, now: int, *, alive: bool) -> None:
        """Reads what is due, monotonic nanoseconds; of a process that is gone its own last numbers."""
        if now < self._next and alive:
            return
        self._next = now + _PAUSE_NS
        said = self._pulse.numbers()
        self.memory = said.memory
        usage = _as_said(said)
        if alive:
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = holder(self._life)
                if pid:
                    usage = _as_seen(pid, usage)
                    self._look_at_groups(f"/proc/{pid}/cgroup")
        self.usage = usage if self.usage is None or usage is None else _never_less(self.usage, usage)

    def _look_at_groups(self, file: str) -> None:
        where = read_kernel_file(file)
        if self._groups is None or where != self._where:  # it was put elsewhere
            self._where, self._groups = where, MemoryGroups(file)
        self._oom_kills = self._groups.oom_kills()

    def oom_killed(self) -> bool:
        """Whether the OOM killer has ended a process of its control group since it was last seen to live."""
        if self._groups is None or self._oom_kills is None:
            return False
        return (self._groups.oom_kills() or 0) > self._oom_kills


def _as_said(said: OwnNumbers) -> UsageReading | None:
    if said.usage is None:
        return None
    used, memory = said.usage, said.memory
    return UsageReading(
        user=used.user_ns / 1e9,
        system=used.system_ns / 1e9,
        voluntary=used.voluntary,
        involuntary=used.involuntary,
        minor_faults=used.minor_faults,
        major_faults=used.major_faults,
        memory=used.memory or None,
        threads=used.threads or None,
        descriptors=used.descriptors or None,
        garbage=said.garbage,
        container=None if memory is None else MemoryReading(memory.used, memory.limit),
    )


def _as_seen(pid: int, said: UsageReading | None) -> UsageReading:
    fields = stat_fields(pid)
    tick = os.sysconf("SC_CLK_TCK")
    said = said or UsageReading()
    return UsageReading(
        user=int(fields[11]) / tick,
        system=int(fields[12]) / tick,
        voluntary=said.voluntary,
        involuntary=said.involuntary,
        minor_faults=int(fields[7]),
        major_faults=int(fields[9]),
        memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        threads=int(fields[17]),
        # The number stands there since Linux 6.2.
        descriptors=os.stat(f"/proc/{pid}/fd").st_size or said.descriptors,
        garbage=said.garbage,
        container=said.container,
    )


def _never_less(before: UsageReading, new: UsageReading) -> UsageReading:
    """Two sources do not round alike, and a hostile one may count backwards."""
    more = {name: getattr(before, name) for name in _USED if _less(getattr(new, name), getattr(before, name))}
    return msgspec.structs.replace(new, **more) if more else new


def _less(new: float | None, before: float | None) -> bool:
    return before is not None and (new is None or new < before)
