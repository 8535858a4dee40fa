"""Whether a process that is gone stopped or died: a pure function of what is known of its end.

=====================================================================  ==========================
what is known, the first row that fits                                 state
=====================================================================  ==========================
it continues, as another program (exec) or with another agent          stopped
its tombstone names an uncaught exception                              dead
its end was asked for, and a signal such as SIGKILL ended it           dead, seconds after
its end was asked for                                                  stopped
Ctrl-C, as an uncaught KeyboardInterrupt or by signal                  stopped
it is a child, and a terminating signal such as SIGTERM ended it       stopped
a signal killed it                                                     dead
an exit code other than 0                                              dead
exit code 0, or a tombstone                                            stopped
its event loop had ended, or it is a child                             stopped, how is not known
nothing                                                                dead
=====================================================================  ==========================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifesign.judge import states
from lifesign.judge.reading import Ending, Reading
from lifesign.judge.states import Verdict
from lifesign.wire import layout

if TYPE_CHECKING:
    from lifesign.wire.records import Failure

_ASKING = frozenset(
    ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
)  # terminating signals, with which one asks a process to end
_ASKING_CODES = {128 + 15: "SIGTERM", 128 + 2: "SIGINT", 128 + 1: "SIGHUP", 128 + 3: "SIGQUIT"}  # as shells write them


def judge_end(reading: Reading) -> Verdict:
    """The state of a process that is gone, or that has said so."""
    ending, tombstone = reading.ending, reading.tombstone
    error = tombstone["error"] if tombstone is not None and tombstone["how"] == "exception" else None
    code, error = _exit_code(ending, error)
    signal = ending.signal or (ending.crash if code is None else None)
    asked = _asked(reading, signal)
    if ending.replaced and tombstone is not None:
        return Verdict(states.STOPPED, "lifesign.stop() ended its watch, and lifesign.start() began a new one")
    if ending.replaced:
        return Verdict(states.STOPPED, "it replaced itself by another program (exec)")
    if error is not None and error["type"] != "KeyboardInterrupt":
        return Verdict(states.DEAD, f"uncaught {error['type']}: {error['message']}")
    if asked is not None and signal not in (None, *_ASKING):
        after = "" if ending.asked_ago is None else f"{ending.asked_ago / 1e9:.1f} s "
        return Verdict(states.DEAD, f"killed by {signal} {after}after {asked}")
    if asked is not None:
        return Verdict(states.STOPPED, f"ended by {asked}, as asked")
    if error is not None or signal == "SIGINT":
        return Verdict(states.STOPPED, "ended by Ctrl-C")
    if ending.child and (signal in _ASKING or code in _ASKING_CODES):
        return Verdict(states.STOPPED, f"ended by {signal or _ASKING_CODES[code or 0]}")
    if signal is not None:
        return Verdict(states.DEAD, f"killed by {signal}")
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
    return Verdict(states.DEAD, "gone without a tombstone: killed, or ended by os._exit")


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
