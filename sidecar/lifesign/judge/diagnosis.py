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
held        stale       any           it gets too little CPU time: nothing can   as before
                                      be concluded for now
held        any         any           it was asked to end a moment ago: it       as before
                                      cleans up
held        any         any           a tombstone: it is about to end            stopped
free        any         any           `judge.ending` has the rules               stopped or
                                                                                 dead
==========  ==========  ============  =========================================  ==========
"""

from __future__ import annotations

from typing import NamedTuple

from lifesign.judge import states
from lifesign.judge.degraded import degraded
from lifesign.judge.ending import judge_end
from lifesign.judge.overdue import described, overdue
from lifesign.judge.reading import Circumstances, Reading
from lifesign.judge.states import Verdict
from lifesign.wire import layout
from lifesign.wire.reader import LoopSigns

_STATES = {
    "T": "stopped by a signal",
    "t": "stopped by a debugger",
    "D": "waiting for the disk, or paused",
}
_ILL = frozenset(states.ILL)
_BUSY = 0.2  # of a CPU: a process that uses more than this computes
_STARVED = 0.1  # of a CPU: one that wants to run and gets less than this is starved
_WAITING = 0.7  # of the time: a thread that waits longer than this for a CPU is starved
_ENOUGH = 0.25  # of the heartbeat timeout, in CPU time: Python would have run
_HELD = 10  # heartbeat timeouts for which no verdict is drawn from the lateness of a starved process


class _Seen(NamedTuple):
    """A reading of a living process, and what the rows of the table ask of it.

    `late` are the running loops that are late beyond doubt, `stale` has their ages, `worst` is the age to judge by.
    `slow` says that CPU time is what they lack, and `held` that no verdict is drawn from this for now.
    """

    reading: Reading
    watchdog_age: int
    running: int
    late: list[LoopSigns]
    stale: list[int]
    worst: int
    slow: bool
    held: bool
    phase: int


def diagnose(reading: Reading) -> Verdict:
    """The state of a main process."""
    if not reading.alive or reading.tombstone is not None:
        return judge_end(reading)
    seen = _see(reading)
    for row in _ROWS:
        verdict = row(seen)
        if verdict is not None:
            return _unless_it_leaves(reading, verdict)
    if seen.held:
        return Verdict(states.HEALTHY, f"starved: no beat for {_seconds(seen.worst)}: it gets too little CPU time")
    return Verdict(states.HEALTHY, "the event loop beats" + _promises(reading))


def _unless_it_leaves(reading: Reading, verdict: Verdict) -> Verdict:
    """No process becomes ill by its clean-up: it may take its grace period for that."""
    asked_ago = reading.leaves_for()
    if verdict.state not in _ILL or verdict.state == reading.reported or asked_ago is None:
        return verdict
    why = f"{reading.ending.asked} {_seconds(asked_ago)} ago: it has {_seconds(reading.grace)} to end"
    return Verdict(reading.reported or states.HEALTHY, why)


def late_loops(reading: Reading) -> list[LoopSigns]:
    """The running loops that do not turn, of a process that is blocked."""
    return _see(reading).late


def loops_late_at_death(reading: Reading) -> list[LoopSigns]:
    """The loops of a killed process that had not turned for a heartbeat timeout, by its own clock, at its last beat."""
    if reading.watchdog is None or reading.tombstone is not None:
        return []
    last = reading.watchdog.mono_ns
    return [signs for signs in reading.running() if last - signs.mono_ns > reading.timeout]


def _see(reading: Reading) -> _Seen:
    watchdog_age = _age(reading, reading.watchdog.mono_ns if reading.watchdog else reading.started)
    running = reading.running()
    late = [signs for signs in running if _age(reading, signs.mono_ns) > reading.timeout]
    if late and watchdog_age <= reading.timeout and not _outlived(reading, min(signs.mono_ns for signs in late)):
        late = []
    stale = [_age(reading, signs.mono_ns) for signs in late]
    worst = max(stale, default=0 if running else watchdog_age)
    # A freeze that was reported is not called slowness afterwards: only a beat ends it.
    slow = worst > reading.timeout and reading.reported != states.FROZEN and _slow(reading)
    held = slow and reading.reported != states.BLOCKED and worst <= _HELD * reading.timeout
    phase = reading.watchdog.boot_phase if reading.watchdog else layout.BOOT_STARTING
    return _Seen(reading, watchdog_age, len(running), late, stale, worst, slow, held, phase)


def _frozen(seen: _Seen) -> Verdict | None:
    reading, age = seen.reading, seen.watchdog_age
    if age <= reading.timeout or (seen.running and not seen.stale):
        return None
    if _is_held(seen):
        return Verdict(states.FROZEN, f"no Python code has run for {_seconds(age)}: {_cause(reading)}")
    if seen.slow or (seen.stale and _queued(reading)):
        return None  # the watchdog may only be starved; the loop is not
    if reading.reported is not None and _undecided(reading):
        return Verdict(reading.reported, "it is late; the reason is not known yet")
    return Verdict(states.FROZEN, f"no Python code has run for {_seconds(age)}: {_cause(reading)}")


def _is_held(seen: _Seen) -> bool:
    """Whether its threads were seen to wait for the GIL, and it has answered with its stacks.

    That is beyond doubt however little CPU time it gets, but for a used up quota: that stops who holds the GIL together
    with who waits for it, in any code.
    """
    known = seen.reading.circumstances
    if known is None or not known.held:
        return False
    return not (seen.slow and known.outside is not None and known.outside.throttled)


def _blocked(seen: _Seen) -> Verdict | None:
    if not seen.stale or seen.held:
        return None
    which = "the event loop" if seen.running == 1 else f"{len(seen.stale)} of {seen.running} event loops"
    runs = "Python runs, slowly" if _queued(seen.reading) else "Python still runs"
    how = "it gets too little CPU time" if seen.slow else runs
    has = "has" if len(seen.stale) == 1 else "have"
    return Verdict(states.BLOCKED, f"{which} {has} not turned for {_seconds(max(seen.stale))}; {how}")


def _without_loop(seen: _Seen) -> Verdict | None:
    reading = seen.reading
    if seen.running:
        return None
    if reading.loops:
        return Verdict(states.IDLE, "its event loop has ended; the process goes on")
    if seen.phase == layout.BOOT_STARTING and reading.now - reading.started <= reading.boot_timeout:
        return Verdict(states.STARTING, "no event loop yet")
    return Verdict(states.IDLE, "it runs no event loop")


def _starting(seen: _Seen) -> Verdict | None:
    return Verdict(states.STARTING, "the boot has not ended yet") if seen.phase == layout.BOOT_STARTING else None


def _silent(seen: _Seen) -> Verdict | None:
    reading = seen.reading
    if seen.held and reading.reported != states.SILENT:
        return None
    late = overdue(reading)
    return Verdict(states.SILENT, described(late)) if late else None


def _degraded(seen: _Seen) -> Verdict | None:
    failed = degraded(seen.reading.unmet, seen.phase, seen.reading.events)
    return None if failed is None else Verdict(states.DEGRADED, failed)


# In the order in which they are asked; who passes them all is healthy.
_ROWS = (_frozen, _blocked, _without_loop, _starting, _silent, _degraded)


def _outlived(reading: Reading, last_turn: int) -> bool:
    """Whether the watchdog beat on when the loop no longer turned; else both fell silent, and its time is not up."""
    return reading.watchdog is not None and reading.watchdog.mono_ns - last_turn > reading.timeout // 2


def _slow(reading: Reading) -> bool:
    """Whether it may be late only because it gets too little CPU time."""
    seen = reading.circumstances
    if seen is None or seen.moved:
        return seen is not None
    outside = seen.outside
    if outside is None:
        return seen.contended
    ran = outside.cpu if outside.ran is None else outside.ran
    # A beat costs far less; what used that much and did not beat is stuck, starved or not.
    if not outside.over or ran >= reading.timeout * _ENOUGH:
        return False
    if outside.throttled:
        return ran > 0
    if outside.waited is not None:
        return outside.waited > outside.over * _WAITING
    # For a moment, any thread may be about to run.
    return outside.state == "R" and outside.over >= reading.timeout // 4 and ran < outside.over * _STARVED


def _queued(reading: Reading) -> bool:
    """Whether some thread of it waits for a CPU, if not that of the loop."""
    outside = reading.circumstances.outside if reading.circumstances else None
    if outside is None or not outside.over or reading.reported == states.FROZEN:
        return False
    # Beside a thread that computes they wait for the GIL.
    return outside.queued > outside.over * _WAITING and (outside.ran or 0) < outside.over * _BUSY


def _undecided(reading: Reading) -> bool:
    """Whether it has not been watched for long enough, being late, to tell a freeze from want of CPU time.

    The kernel counts that time in hundredths of a second, and we may have been away as it became late.
    """
    outside = reading.circumstances.outside if reading.circumstances else None
    return outside is not None and outside.state not in _STATES and outside.over < reading.timeout // 2


def _cause(reading: Reading) -> str:
    """Why no Python runs, as far as that is known."""
    seen = reading.circumstances or Circumstances()
    outside = seen.outside
    if outside is None:
        return "GIL held by C code" if seen.held else "GIL held, stopped or starved"
    if outside.state in _STATES:
        return _STATES[outside.state]
    if seen.held:
        computes = outside.state == "R" or outside.cpu >= max(1, outside.over) * _BUSY
        return f"GIL held by C code that {'computes' if computes else 'waits'}"
    if not outside.over:
        # One poll shows no CPU time, and the state of the main thread alone: another thread may compute.
        return "GIL held by C code that computes, or starved" if outside.state == "R" else "GIL held by C code"
    if outside.cpu >= outside.over * _BUSY:
        return "GIL held by C code that computes"
    if outside.throttled:
        return "throttled, its CPU quota is used up"
    if outside.state == "R":
        return "starved of CPU time"
    return "GIL held by C code that waits"


def _promises(reading: Reading) -> str:
    promised = sum(1 for event in reading.events if event.deadline_ns)
    return f", {promised} promised event{'s' * (promised > 1)} on time" if promised else ", no event is promised"


def _age(reading: Reading, moment: int) -> int:
    return reading.now - max(moment, reading.watching_since)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.1f} s"
