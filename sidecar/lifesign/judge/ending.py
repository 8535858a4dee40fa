"""Whether a process that is gone stopped or died: a pure function of what is known of its end.

=====================================================================  ==========================
what is known, the first row that fits                                 state
=====================================================================  ==========================
it continues, as another program (exec) or with another agent          stopped
its tombstone names an uncaught exception                              dead
a kubelet ended its container, and started it again                    dead
its end was asked for, and a signal such as SIGKILL ended it           dead, seconds after
its end was asked for                                                  stopped
Ctrl-C, as an uncaught KeyboardInterrupt or by signal                  stopped
it is a child, and a terminating signal such as SIGTERM ended it       stopped
a signal killed it, also the OOM killer's                              dead
it is a child, and the exit code asks its pool for another one         stopped
it is a child, and the exit code is the number of SIGTERM              stopped, probably by it
an exit code other than 0                                              dead
exit code 0, or a tombstone                                            stopped
its event loop had ended, or it is a child                             stopped, how is not known
a kubelet ended its container while it was blocked or frozen           dead
its pod, which restarts its containers, ended at the same time         dead, as asked
nothing                                                                dead
=====================================================================  ==========================

In a pod nobody learns of the signal that ended a process. One whose end a preStop hook announced was killed if it was
there until its grace period was over. A kubelet signals the sidecar then, a moment before it kills the process; before
that it does so only when the process is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.reading import Ending, Reading
from lifesign.judge.states import Verdict
from lifesign.wire import layout
from lifesign.wire.frames import exception_text

if TYPE_CHECKING:
    from lifesign.wire.records import Failure

_ASKING = frozenset(
    ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
)  # terminating signals, with which one asks a process to end
_HOOK_NS = 2_000_000_000  # that a preStop hook may take to announce an end: the grace period has begun by then
_MIB = 1 << 20
_FULL = 0.9  # of a limit: more than most services dare to use for long
_FRESH_NS = 5_000_000_000
_RECYCLED = 155  # of a child of billiard's pool, which Celery has, after as many tasks as it may do
_GIVEN_UP = frozenset(("SIGKILL", "SIGABRT"))  # with which who makes workers ends one that does not answer
_SIGTERM = 15  # with which some handlers of it exit, such as those of Ray and of the workers of Pebble
_ASKING_CODES = {128 + 15: "SIGTERM", 128 + 2: "SIGINT", 128 + 1: "SIGHUP", 128 + 3: "SIGQUIT"}  # as shells write them


def judge_end(reading: Reading) -> Verdict:
    """The state of a process that is gone, or that has said so."""
    ending, tombstone = reading.ending, reading.tombstone
    error = tombstone["error"] if tombstone is not None and tombstone["how"] == "exception" else None
    code, error = _exit_code(ending, error)
    signal = ending.signal or (ending.crash if code is None else None) or _killed(reading)
    asked = _asked(reading, signal)
    if ending.replaced and tombstone is not None:
        return Verdict(states.STOPPED, "lifesign.stop() ended its watch, and lifesign.start() began a new one")
    if ending.replaced:
        return Verdict(states.STOPPED, "it replaced itself by another program (exec)")
    if error is not None and error["type"] != "KeyboardInterrupt":
        return Verdict(states.DEAD, f"uncaught {exception_text(error['type'], error['message'])}")
    if asked is not None and ending.restarted:
        return Verdict(states.DEAD, f"its container was ended and started again: {_probe(reading)}")
    if asked is not None and signal not in (None, *_ASKING):
        after = "" if ending.asked_ago is None else f"{ending.asked_ago / 1e9:.1f} s "
        return Verdict(states.DEAD, f"killed by {signal} {after}after {asked}", released=signal == "SIGKILL")
    if asked is not None:
        return Verdict(states.STOPPED, f"ended by {asked}, as asked", released=True)
    if error is not None or signal == "SIGINT":
        return Verdict(states.STOPPED, "ended by Ctrl-C")
    if ending.child and (signal in _ASKING or code in _ASKING_CODES):
        return Verdict(states.STOPPED, f"ended by {signal or _ASKING_CODES[code or 0]}")
    if signal is not None:
        return Verdict(states.DEAD, out_of_memory(reading) or f"killed by {signal}{_given_up(reading, signal)}")
    if ending.child and code == _RECYCLED:
        return Verdict(states.STOPPED, f"exit code {code}: its pool replaces it, as Celery does after some tasks")
    if ending.child and code == _SIGTERM:
        return Verdict(states.STOPPED, f"exit code {code}, the number of SIGTERM: probably ended by it")
    if code:
        return Verdict(states.DEAD, f"exit code {code}, which nobody asked for")
    if code == 0 or tombstone is not None:
        if reading.alive:
            return Verdict(states.STOPPED, "its agent has ended: exit handlers run, or lifesign.stop() was called")
        return Verdict(states.STOPPED, "ended by itself")
    if reading.loops and all(signs.state == layout.LOOP_ENDED for signs in reading.loops):
        return Verdict(states.STOPPED, "its event loop had ended; how the process ended is not known")
    if ending.child:
        return Verdict(states.STOPPED, "how it ended is not known: the process that made it may have ended it")
    if ending.ill is not None:
        return Verdict(states.DEAD, f"killed with its container, which was ended while it was {ending.ill}")
    oom = out_of_memory(reading)
    if oom is not None:
        return Verdict(states.DEAD, f"gone without a tombstone: {oom}")
    if ending.pod_ends:
        return Verdict(states.DEAD, "gone as its pod ended: probably killed after its grace period", released=True)
    return Verdict(states.DEAD, "gone without a tombstone: killed, or ended by os._exit")


def is_unexplained(reading: Reading) -> bool:
    """Whether nothing is known yet of how and why a process ended."""
    ending = reading.ending
    known = (reading.tombstone, ending.exit_code, ending.signal, ending.crash, ending.asked, ending.ill)
    return all(one is None for one in known) and not (ending.replaced or ending.child or ending.oom_killed)


def out_of_memory(reading: Reading) -> str | None:
    """What says that the OOM killer ended it, which it does by SIGKILL; None where nothing does."""
    ending, memory = reading.ending, reading.ending.memory
    by_itself = reading.tombstone is not None or ending.exit_code is not None
    if by_itself or (ending.signal or ending.crash or "SIGKILL") != "SIGKILL":
        return None
    full = ""
    if memory is not None and memory.held >= memory.limit * _FULL and reading.last_sign() - memory.mono_ns < _FRESH_NS:
        full = f": {memory.held / _MIB:.0f} of the {memory.limit / _MIB:.0f} MiB that it may have were in use"
    if ending.oom_killed:
        return f"killed by the kernel's OOM killer{full}"
    return f"probably killed by the kernel's OOM killer{full}" if full and ending.asked is None else None


def judge_last_look(reading: Reading) -> Verdict | None:
    """The state of a process that nobody will see the end of; None where it may go on.

    It has outlived its grace period, and its sidecar may wait no longer: a kubelet is about to kill both.
    """
    ending = reading.ending
    if not (reading.alive and ending.outlived and ending.announced) or reading.tombstone is not None:
        return None
    ago = (reading.now - (ending.asked_at or reading.now)) / 1e9
    return Verdict(states.DEAD, f"its pod ends, and {ago:.1f} s after SIGTERM it is still there: SIGKILL is next", True)


def _killed(reading: Reading) -> str | None:
    """The signal that ends whoever is there until its grace period is over, of a process in a pod."""
    ending = reading.ending
    if not ending.announced or ending.asked_ago is None or reading.tombstone is not None:
        return None
    if ending.outlived:
        return "SIGKILL"
    return "SIGKILL" if ending.asked_ago >= max(reading.grace - _HOOK_NS, reading.grace // 2) else None


def _probe(reading: Reading) -> str:
    """What made a kubelet restart a container, as far as the boot shows."""
    booted = reading.watchdog is not None and reading.watchdog.boot_phase == layout.BOOT_COMPLETE
    return (
        "probably a liveness probe failed, although its event loop turned"
        if booted
        else "probably its startup probe failed, as its boot was not complete"
    )


def _given_up(reading: Reading, signal: str) -> str:
    """That it was ill when it was killed, and who may have had enough of that: gunicorn, uvicorn and others do."""
    if reading.reported not in (states.BLOCKED, states.FROZEN) or signal not in _GIVEN_UP:
        return ""
    who = ", probably by the process that made it, as it did not answer" if reading.ending.child else ""
    return f" while it was {reading.reported}{who}"


def _exit_code(ending: Ending, error: Failure | None) -> tuple[int | None, Failure | None]:
    """The exit code, and the exception that it does not contradict."""
    code = ending.exit_code
    if error is not None and error["type"] == "SystemExit":
        return _code_of(error["message"]) if code is None else code, None
    # Shells and notebooks show an exception and go on.
    return code, None if code == 0 else error


def _code_of(system_exit: str) -> int:
    """The exit code of a child of multiprocessing; a text in place of a number is printed, and the code is 1."""
    try:
        return int(system_exit) & 0xFF
    except ValueError:
        return 1


def _asked(reading: Reading, signal: str | None) -> str | None:
    """The signal that asked for this end."""
    ending = reading.ending
    # A hangup is also how one asks for a reload: it counts where it is what ended the process.
    if ending.asked == "SIGHUP" and signal != "SIGHUP":
        return None
    if ending.child and ending.asked_at is not None:
        signs = [reading.watchdog, *reading.loops]
        last = max((one.mono_ns for one in signs if one is not None), default=reading.started)
        if last + reading.timeout < ending.asked_at:
            return None  # it was gone by then
    return ending.asked
