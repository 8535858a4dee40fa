"""What a verdict rests on: everything that was read of one process at one moment."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Mapping, NamedTuple

from lifesign.judge.degraded import Unmet
from lifesign.judge.kernel import Outside
from lifesign.wire import layout
from lifesign.wire.process.usage import MemorySigns
from lifesign.wire.reader import EventCount, LoopSigns, WatchdogSigns

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone


class Circumstances(NamedTuple):
    """What is known from other sources than the beats.

    `outside` is how the kernel sees a process that is late. `held` says that it answered with its stacks
    in this silence: Python could not run, C could. `moved` says that a beat came in since the poll before
    that is older than that poll: something runs, slowly. `contended` says that the machine has too few processors
    for its work; it is looked at only where the process cannot be seen.
    """

    outside: Outside | None = None
    held: bool = False
    moved: bool = False
    contended: bool = False


class Ending(NamedTuple):
    """What is known of the end of a process besides its pulse.

    `asked` and `signal` are signal names, `asked_at` is on the monotonic clock and `asked_ago` says how long before
    its end it was asked, both in nanoseconds. `awaited` says that the supervisor will report how it ended and has
    not done so yet. `child`: another process than the supervisor made it, which can end it at any time and learns
    how it ended. `replaced`: there is a newer life of the same process, or the process is there without its agent.
    `crash` is what its last words name, a signal where it was one.

    Of a container that a kubelet ends, its preStop hook tells: `announced` says that it was the hook that asked,
    `ill` is the state that the process was in, where that was an illness and nothing was asked. `pod_ends`: the sidecar
    was asked to end as well. `outlived`: the process was still there then, although it had been asked some time before:
    its grace period was over. `restarted`: the container was not the last, its program runs again.

    `oom_killed` says that the kernel's OOM killer has ended a process of its control group at that time, as far as that
    can be seen, and `memory` is what the process said last of its control group's memory.
    """

    asked: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    awaited: bool = False
    asked_at: int | None = None
    asked_ago: int | None = None
    child: bool = False
    replaced: bool = False
    crash: str | None = None
    announced: bool = False
    ill: str | None = None
    pod_ends: bool = False
    outlived: bool = False
    restarted: bool = False
    oom_killed: bool = False
    memory: MemorySigns | None = None


class Reading(NamedTuple):
    """Everything that a diagnosis is based on.

    Times are nanoseconds on the monotonic clock, but for `wall`. `watching_since` is when the sidecar began to
    watch without a gap of its own: what it slept through is no illness of the service. `reported` is the state
    that was concluded before. `parked` has the wall clock time of the last beat of each loop that is parked: nothing
    is to be done in it, so it counts only where there is no other. `utilization` is the share of the time that loops
    work, by slot, as far as it is known. `seen` is when it was last seen to live, 0 for never, and `grace` is how long
    a process may take to end once it was asked to.
    """

    now: int
    watching_since: int
    alive: bool
    watchdog: WatchdogSigns | None
    loops: tuple[LoopSigns, ...]
    events: tuple[EventCount, ...]
    started: int
    timeout: int
    boot_timeout: int
    tombstone: Tombstone | None = None
    ending: Ending = Ending()
    circumstances: Circumstances | None = None
    unmet: Unmet = Unmet()
    reported: str | None = None
    wall: int = 0
    parked: frozenset[int] = frozenset()
    utilization: Mapping[int, float] = MappingProxyType({})
    seen: int = 0
    grace: int = 30_000_000_000

    def last_sign(self) -> int:
        """When it was last known to live; 0 where that is not known."""
        beats = [one.mono_ns for one in (self.watchdog, *self.loops) if one is not None]
        return min(self.now, max([self.seen, *beats]))

    def leaves_for(self) -> int | None:
        """How long ago it was asked to end, as long as it may take for that; None otherwise."""
        asked, at = self.ending.asked, self.ending.asked_at
        if asked in (None, "SIGHUP") or at is None or self.now - at >= self.grace:
            return None
        return self.now - at

    def running(self) -> list[LoopSigns]:
        """The loops that run and are in use."""
        running = [signs for signs in self.loops if signs.state == layout.LOOP_RUNNING]
        used = [signs for signs in running if signs.wall_ns not in self.parked]
        return used or running
