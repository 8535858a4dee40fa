"""Into a process that runs already, in two steps: the agent is imported beside the program, and then it starts.

The imports take a hundred milliseconds and more, which an event loop would stand still for. In a thread of their own
they take turns with it, and what is left for the main thread are some five milliseconds.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from lifesign.agent.native import Ticker, sleep
from lifesign.loading import at_fork, forget_forks, load

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which need not be there yet
if TYPE_CHECKING:
    from typing import Any, Sequence

_ATTACHED = "lifesign.agent.attaching.attached"
_ONE_AT_A_TIME = ((3, 15, 0), (3, 15, 1))  # Pythons that can deadlock when several threads import at the same time
_LOOK = 0.02


class _State:
    """What this package is here for.

    Attributes:
        ours: it was imported to be attached, and goes with the agent.
        waiting: how many have imported the agent and not started it yet.
        taken: one of them has begun to start it.
    """

    ours = False
    waiting = 0
    taken = False


def prepare(ready: str, ours: bool, seconds: float) -> None:
    """Imports the agent, and says so in the file `ready`.

    Where it is not started after all it is forgotten as soon as that file is gone, or after so many seconds.
    """
    _State.ours = _State.ours or ours
    together = sys.version_info[:3] not in _ONE_AT_A_TIME
    if not together and not _imported(ready):
        return

    def beside() -> None:
        try:
            if not together or _imported(ready):
                _wait(ready, seconds)
        finally:
            thread.stop()

    thread = Ticker(0.0, beside)
    # A program that forks meanwhile is not to be warned because of us.
    at_fork(before=thread.before_fork, after_in_child=thread.after_warning)
    try:
        thread.start()
    except RuntimeError:  # there may be no more threads: the agent will say so
        _imported(ready)


def enter(order: Sequence[Any], answer: str) -> None:
    """Starts the agent, in the main thread, and answers."""
    _State.taken = True
    try:
        said = load(_ATTACHED, "attach")(load(_ATTACHED, "Order")(*order, _State.ours))
    except BaseException as error:  # noqa: BLE001 - the program is not to see it
        said = _error(error)
        if _State.ours:
            _forget()
    say(answer, said)


def say(path: str, said: dict[str, Any]) -> None:
    """Writes an answer, which is there in full or not at all."""
    import json

    with open(f"{path}.new", "x", encoding="ascii") as file:
        json.dump(said, file)
    os.rename(f"{path}.new", path)


def _imported(ready: str) -> bool:
    try:
        load(_ATTACHED, "attach")
        say(ready, {})
    except BaseException as error:  # noqa: BLE001 - as above
        _forget()
        with suppress(OSError):  # the command has gone
            say(ready, _error(error))
        return False
    return True


def _wait(ready: str, seconds: float) -> None:
    _State.waiting += 1
    while not _State.taken and seconds > 0 and os.path.exists(ready):
        seconds -= sleep(_LOOK)
    _State.waiting -= 1
    if not _State.taken and not _State.waiting:
        _forget()


def _forget() -> None:
    if _State.ours:
        forget_forks()
        for name in [name for name in sys.modules if name == "lifesign" or name.startswith("lifesign.")]:
            sys.modules.pop(name, None)


def _error(error: BaseException) -> dict[str, Any]:
    return {"error": f"{type(error).__name__}: {error}"}
