"""What a process uses, as it says itself."""

from __future__ import annotations

from typing import NamedTuple


class UsageSigns(NamedTuple):
    """What the process has used, when that was read (monotonic nanoseconds); 0 where its platform does not say.

    Processor times are nanoseconds, `memory` is bytes.
    """

    mono_ns: int
    user_ns: int
    system_ns: int
    voluntary: int  # context switches
    involuntary: int
    minor_faults: int
    major_faults: int
    memory: int
    threads: int
    descriptors: int


class MemorySigns(NamedTuple):
    """The memory of the control group that limits the process (`control_groups.MemoryGroups`), when it was read."""

    mono_ns: int
    used: int
    limit: int
    held: int


class OwnNumbers(NamedTuple):
    """What the process says of itself now and then; None where it has not, or an older agent does not.

    `garbage` has for each generation of the garbage collector: collections, collected and uncollectable objects.
    """

    usage: UsageSigns | None = None
    garbage: tuple[tuple[int, ...], ...] = ()
    memory: MemorySigns | None = None
