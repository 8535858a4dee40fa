"""Which illness it is: a pure function of what was read, one row of the table at a time.

==========  ==========  ============  =========================================  ==========
lock        loop beat   watchdog      more                                       state
==========  ==========  ============  =========================================  ==========
held        none yet    fresh         before the first event, in time            starting
held        fresh       fresh         nothing promised is overdue                healthy
held        fresh       fresh         a promised event is overdue                silent
held        fresh       fresh         what the service calls necessary fails     degraded
held        ended       fresh         the process goes on without a loop         idle
held        stale       fresh         Python runs, the loop does not             blocked
held        stale       stale         no Python runs                             frozen
held        stale       stale         too little CPU time to tell                blocked
free        any         any           no tombstone, one of an exception, or      dead
                                      last words of a fatal signal
free        any         any           tombstone, or the end was asked for        stopped
==========  ==========  ============  =========================================  ==========
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifesign.judge import states
from lifesign.judge.degraded import Unmet, degraded
from lifesign.judge.kernel import Outside
from lifesign.wire import layout
from lifesign.wire.reader import EventCount, LoopSigns, WatchdogSigns

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone

_STATES = {
    "T": "stopped by a signal",
    "t": "stopped by a debugger",
    "D": "waiting for the disk, or paused",
}
_BUSY = 0.2  # of a CPU: a process that uses more than this computes
_STARVED = 0.1  # of a CPU: one that wants to run and gets less than this is starved
_ENOUGH = 0.25  # of the heartbeat timeout, in CPU time: Python would have run


class Ending(NamedTuple):
    """What the supervisor knows of the end, if there is one.

    `asked` and `signal` are signal names; `awaited` says that it will tell how the process ended and has
    not done so yet.
    """

    asked: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    awaited: bool = False


class Circumstances(NamedTuple):
    """What others than the beats tell.

    `outside` is how the kernel sees a process that is late. `held` says that the dead-man's switch went off
    in this silence: Python could not run, C could. `moved` says that a beat came in since the look before
    that is older than that look: something runs, slowly. `crash` is what the last words of an ended process
    name, a signal where it was one.
    """

    outside: Outside | None = None
    held: bool = False
    moved: bool = False
    crash: str | None = None


class Reading(NamedTuple):
    """All that a diagnosis rests on.

    Times are nanoseconds on the monotonic clock. `watching_since` is when the sidecar began to watch
    without a gap of its own: what it slept through is no illness of the service. `told` is the state that
    was concluded before.
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
    told: str | None = None
    unmet: Unmet = Unmet()


class Verdict(NamedTuple):
    """The state, and why in one line."""

    state: str
    why: str


def diagnose(reading: Reading) -> Verdict:
    """Tells the state of a main process."""
    if not reading.alive:
        return _ended(reading)
    watchdog_age = _age(reading, reading.watchdog.mono_ns if reading.watchdog else reading.started)
    running = [signs for signs in reading.loops if signs.state == layout.LOOP_RUNNING]
    late = [signs.mono_ns for signs in running if _age(reading, signs.mono_ns) > reading.timeout]
    if late and watchdog_age <= reading.timeout and not _outlived(reading, min(late)):
        late = []
    stale = [_age(reading, moment) for moment in late]
    # A freeze that has been told is not called slowness afterwards: only a beat ends it.
    slow = watchdog_age > reading.timeout and reading.told != states.FROZEN and _slow(reading)
    if (stale or not running) and watchdog_age > reading.timeout and not slow:
        if reading.told is not None and _undecided(reading):
            return Verdict(reading.told, "it is late; a moment more will tell why")
        return Verdict(states.FROZEN, f"no Python code has run for {_seconds(watchdog_age)}: {_cause(reading)}")
    if stale:
        which = "the event loop" if len(running) == 1 else f"{len(stale)} of {len(running)} event loops"
        how = "it gets too little CPU time" if slow else "Python still runs"
        return Verdict(states.BLOCKED, f"{which} has not turned for {_seconds(max(stale))}; {how}")
    phase = reading.watchdog.boot_phase if reading.watchdog else layout.BOOT_STARTING
    if not running:
        return _without_loop(reading, phase)
    if phase == layout.BOOT_STARTING:
        return Verdict(states.STARTING, "the boot has not ended yet")
    overdue = _overdue(reading, phase)
    if overdue is not None:
        return overdue
    failed = degraded(reading.unmet, phase, reading.events)
    if failed is not None:
        return Verdict(states.DEGRADED, failed)
    return Verdict(states.HEALTHY, "the event loop beats" + _promises(reading))


def _outlived(reading: Reading, last_turn: int) -> bool:
    """Whether the watchdog beat on when the loop no longer turned; else both fell silent, and its time is not up."""
    return reading.watchdog is not None and reading.watchdog.mono_ns - last_turn > reading.timeout // 2


def _slow(reading: Reading) -> bool:
    """Whether both may be late only because the process gets so little CPU time."""
    told = reading.circumstances
    if told is None or told.moved:
        return told is not None
    outside = told.outside
    if outside is None or not outside.over:
        return False
    starved = outside.throttled or (outside.state == "R" and outside.cpu < outside.over * _STARVED)
    # A beat costs far less; what used that much and did not beat has Python stopped, throttled or not.
    return bool(starved) and 0 < outside.cpu < reading.timeout * _ENOUGH


def _undecided(reading: Reading) -> bool:
    """Whether it has not been watched for long enough, being late, to tell a freeze from want of CPU time.

    The kernel counts that time in hundredths of a second, and we may have been away as it became late.
    """
    outside = reading.circumstances.outside if reading.circumstances else None
    return outside is not None and outside.state not in _STATES and outside.over < reading.timeout // 2


def _cause(reading: Reading) -> str:
    """Why no Python runs, as far as it can be told."""
    told = reading.circumstances or Circumstances()
    outside = told.outside
    if outside is None:
        return "GIL held by C code" if told.held else "GIL held, stopped or starved"
    if outside.state in _STATES:
        return _STATES[outside.state]
    if outside.cpu >= outside.over * _BUSY if outside.over else outside.state == "R":
        return "GIL held by C code that computes"
    if outside.throttled:
        return "throttled, its CPU quota is used up"
    if outside.state == "R":
        return "starved of CPU time"
    return "GIL held by C code that waits"


def _ended(reading: Reading) -> Verdict:
    tombstone, ending = reading.tombstone, reading.ending
    crash = reading.circumstances.crash if reading.circumstances else None
    if tombstone is not None and tombstone["how"] == "exception":
        error = tombstone["error"]
        return Verdict(states.DEAD, f"uncaught {error['type']}: {error['message']}" if error else "uncaught exception")
    # A hangup is also how one asks for a reload: it counts where it is what ended the process.
    if ending.asked is not None and (ending.asked != "SIGHUP" or ending.signal == "SIGHUP"):
        return Verdict(states.STOPPED, f"ended by {ending.asked}, as asked")
    if ending.signal is not None:
        return Verdict(states.DEAD, f"killed by {ending.signal}")
    if ending.exit_code:
        return Verdict(states.DEAD, f"exit code {ending.exit_code}, which nobody asked for")
    if crash is not None and ending.exit_code is None:
        return Verdict(states.DEAD, f"killed by {crash}")
    if tombstone is not None or ending.exit_code == 0:
        return Verdict(states.STOPPED, "ended by itself")
    return Verdict(states.DEAD, "gone without a tombstone: killed, or ended by os._exit")


def _without_loop(reading: Reading, phase: int) -> Verdict:
    if reading.loops:
        return Verdict(states.IDLE, "its event loop has ended; the process goes on")
    if phase == layout.BOOT_STARTING and reading.now - reading.started <= reading.boot_timeout:
        return Verdict(states.STARTING, "no event loop yet")
    return Verdict(states.IDLE, "it runs no event loop")


def _overdue(reading: Reading, phase: int) -> Verdict | None:
    promised = [event for event in reading.events if event.deadline_ns]
    for event in promised:
        age = event_age(event, reading.started, reading.now)
        never = not (event.mono_ns or event.stand_in_ns)
        if age > event.deadline_ns or (never and phase == layout.BOOT_TIMED_OUT):
            ago = "has not come since the start" if never else "came last"
            return Verdict(
                states.SILENT,
                f"promised event {event.name!r} {ago}, {_seconds(age)} ago; due every {_seconds(event.deadline_ns)}",
            )
    return None


def _promises(reading: Reading) -> str:
    promised = sum(1 for event in reading.events if event.deadline_ns)
    return f", {promised} promised event{'s' * (promised > 1)} on time" if promised else ", no event is promised"


def event_age(event: EventCount, started: int, now: int) -> int:
    """Nanoseconds since the newest event, or since `started` where there was none.

    In a dry run that no real event came to, synthetic ones stand in for them.
    """
    return max(0, now - (event.mono_ns or event.stand_in_ns or started))


def _age(reading: Reading, moment: int) -> int:
    return reading.now - max(moment, reading.watching_since)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.1f} s"
