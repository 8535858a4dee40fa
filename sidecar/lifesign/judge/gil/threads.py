"""What the kernel shows of threads: which of them wait for the GIL, and which do something else. Linux only.

A thread that waits for the GIL wakes up every five milliseconds (`sys.getswitchinterval`) to ask for it again. So the
kernel counts 200 turns a second of a thread that hardly runs, and of several the same number. Nothing else that a
process of ours may be in looks like that: stopped, traced, or its control group frozen, a thread has no turns at all.
"""

from __future__ import annotations

import contextlib
import os
from typing import Mapping, NamedTuple

from lifesign.control_groups import read_kernel_file
from lifesign.wire.stacks.request import NOTED_MAX, ThreadUse

LOOKED_AT_MAX = 4000  # threads; with more nothing is concluded
_TURNS_MIN = 100  # a second: on a machine that is busier than this an answer takes too long to be safe
_ALIKE = 0.3  # by how much the turns of two threads that wait for it may differ
_RUNS = 3  # times as long as another thread that waits for it
_TURN_NS = 100_000  # to ask for it again takes a fraction of that
_BEGAN = 19  # its place in ``/proc/PID/stat`` behind the name
_SWITCH_NS = 5_000_000


class ThreadsSeen(NamedTuple):
    """The threads of a process at one moment, monotonic nanoseconds, by their native ids; counted since they began."""

    at: int
    threads: Mapping[int, ThreadUse]


def look(pid: int, now: int) -> ThreadsSeen:
    """All threads, as they are now; none where there are too many or they cannot be seen."""
    found: dict[int, ThreadUse] = {}
    with contextlib.suppress(OSError):
        names = os.listdir(f"/proc/{pid}/task")
        for name in names if len(names) <= LOOKED_AT_MAX else ():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = read_kernel_file(f"/proc/{pid}/task/{name}/stat").rpartition(b")")[2].split()
                ran, _, turns = read_kernel_file(f"/proc/{pid}/task/{name}/schedstat").split()[:3]
                state = fields[0].decode("ascii", "replace")
                found[int(name)] = ThreadUse(state, int(ran), int(turns), int(fields[_BEGAN]))
    return ThreadsSeen(now, found)


def between(before: ThreadsSeen, after: ThreadsSeen) -> dict[int, ThreadUse]:
    """What each thread did meanwhile; one that is new began then."""
    made = {}
    for native, use in after.threads.items():
        first = before.threads.get(native)
        same = first is not None and first.began == use.began
        ran, turns = (first.ran, first.turns) if first is not None and same else (0, 0)
        made[native] = use._replace(ran=max(0, use.ran - ran), turns=max(0, use.turns - turns))
    return made


def waits_for_gil(use: ThreadUse, over: int, like: ThreadUse | None = None) -> bool:
    """Whether a thread waited for the GIL all the `over` nanoseconds; `like` is one of which that is known."""
    if use.state not in ("S", "R") or use.ran > use.turns * _TURN_NS:
        return False
    if like is None:
        return use.turns >= max(3.0, over / 1e9 * _TURNS_MIN)
    # One that computes on a busy machine has many turns too, each cut short: but it runs in them.
    runs = use.ran > _RUNS * like.ran + _TURN_NS
    return not runs and abs(use.turns - like.turns) <= max(3.0, like.turns * _ALIKE)


def may_be_a_queue(waiting: int, timeout: int) -> bool:
    """Whether so many threads could wait for the GIL only because each has it for its share of the time."""
    return waiting * _SWITCH_NS * 2 >= timeout


def worth_noting(used: Mapping[int, ThreadUse], watchdog: int, over: int) -> dict[int, ThreadUse]:
    """As many as are written down: first those that do not wait for the GIL, of them first those that ran most."""
    like = used[watchdog]
    others = sorted(
        (native for native in used if native != watchdog),
        key=lambda native: (waits_for_gil(used[native], over, like), -used[native].ran),
    )
    return {native: used[native] for native in (watchdog, *others)[:NOTED_MAX]}
