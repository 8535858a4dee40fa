"""How a process ended: a pure function of what is known of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lifesign.judge import states
from lifesign.judge.states import Verdict

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone


class Ending(NamedTuple):
    """What the supervisor knows of the end, if there is one.

    `asked` and `signal` are signal names; `awaited` says that it will report how the process ended and has
    not done so yet.
    """

    asked: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    awaited: bool = False


def judge_end(tombstone: Tombstone | None, ending: Ending, crash: str | None) -> Verdict:
    """Whether a process that is gone stopped or died.

    Args:
        crash: the fatal signal, or whatever else its last words name.
    """
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
