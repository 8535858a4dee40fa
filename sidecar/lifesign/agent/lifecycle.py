"""This process's agent from its start to its end: one a process, begun anew in a forked child.

It starts when an event loop starts or when the API is called, and only where ``LIFESIGN_DIR`` names a run
directory.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from typing import Any, Callable

from lifesign.agent import hook
from lifesign.agent.harmless import complain
from lifesign.agent.identity import reseed
from lifesign.agent.loops import LoopBeats
from lifesign.agent.process import Agent
from lifesign.settings import Settings


class _Owner:
    """Holds this process's agent, or the reason why there is none."""

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.off = False
        self.by_hand = False
        self.lock = threading.RLock()


_owner = _Owner()
_registered = False


def running() -> Agent | None:
    """This process's agent, started if the environment asks for one; None where there is none."""
    if _owner.agent is not None or _owner.off:
        return _owner.agent
    return start(os.environ.get("LIFESIGN_DIR"))


def peek() -> Agent | None:
    """This process's agent if it runs; starts nothing."""
    return _owner.agent


def start(directory: str | None, *, by_hand: bool = False) -> Agent | None:
    """Starts the agent in `directory`; None, with a warning, where that cannot be used."""
    with _owner.lock:
        if by_hand and _owner.agent is not None and _owner.by_hand:
            complain("start() was called, but the agent runs already")
        _owner.by_hand = by_hand or _owner.by_hand
        if _owner.agent is not None:
            return _owner.agent
        if not directory:
            _owner.off = True
            return None
        try:
            _owner.agent = Agent(directory, Settings(strict=False))
            _owner.off = False
        except Exception as error:  # noqa: BLE001 - the host must not care
            _owner.off = True
            complain(f"cannot watch this process in {directory}", error)
            return None
        _register()
    _see_loops()
    return _owner.agent


def stop() -> bool:
    """Ends the agent with a tombstone; False when none was running. Calls are no-ops from then on."""
    with _owner.lock:
        agent, _owner.agent, _owner.off = _owner.agent, None, True
    if agent is None:
        return False
    agent.end()
    return True


_beats = LoopBeats(running)


def loop_changed(loop: Any) -> None:
    """A loop starts in this thread, or, with None, the one that ran here has ended."""
    _beats.changed(loop)


def _see_loops() -> None:
    """Watches the loops that start from now on, and the one that runs here already."""
    hook.observe(asyncio.events, loop_changed)
    running = asyncio._get_running_loop()
    if running is not None:
        loop_changed(running)


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        atexit.register(_at_exit, uncaught_in_program)
    if "multiprocessing.util" in sys.modules:
        # A forked multiprocessing child leaves by os._exit: atexit never runs there, finalizers do.
        from multiprocessing.util import Finalize

        Finalize(None, _at_exit, (uncaught_in_child,), exitpriority=0)


def _at_exit(ending: Callable[[], BaseException | None]) -> None:
    agent = _owner.agent
    if agent is not None:
        try:
            agent.end(ending())
        except KeyboardInterrupt:
            agent.end(ending())  # an impatient second Ctrl-C; the traceback would look like the service's fault
        except Exception as error:  # noqa: BLE001
            complain("no tombstone could be written", error)


def _after_fork() -> None:
    global _owner
    agent, _owner = _owner.agent, _Owner()  # anew: a lock that another thread held would stay held for ever
    reseed()
    if agent is not None:
        agent.abandon()


os.register_at_fork(after_in_child=_after_fork)  # before anybody holds the lock


def uncaught_in_program() -> BaseException | None:
    """The exception that a program ends of, asked for in its exit handlers.

    Python leaves it in ``sys.last_exc`` before it runs them. Shells, notebooks and test runners put there what
    they have shown and got over: then the program is interactive, or somebody was on the stack below the exception.
    """
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is None or hasattr(sys, "ps1") or sys.flags.interactive or sys.flags.inspect:
        return None
    outermost = getattr(error, "__traceback__", None)
    return error if outermost is None or outermost.tb_frame.f_back is None else None


def uncaught_in_child() -> BaseException | None:
    """The exception that a child of multiprocessing ends of, asked for in its finalizers: they run as it passes by.

    `SystemExit` among them: nobody but the parent learns its code.
    """
    error = sys.exc_info()[1]
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return None
    return error
