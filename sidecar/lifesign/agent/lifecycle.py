"""The agent of this process from start to end: one per process, started again in a forked child.

It starts when an event loop starts or the API is called, and only if ``LIFESIGN_DIR`` names a run directory.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
from typing import Any, Callable, Iterable

from lifesign.agent import hook
from lifesign.agent.harmless import complain, harmless
from lifesign.agent.identity import reseed
from lifesign.agent.loops import LoopBeats
from lifesign.agent.native import RLock, Ticker, get_ident
from lifesign.agent.process import Agent
from lifesign.loading import at_fork, from_signal_handler
from lifesign.settings import Settings


class _Owner:
    """Holds this process's agent, or the reason why there is none."""

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.stopped: Agent | None = None  # by `stop`; to be started again it is the same
        self.off = False
        self.by_hand = False
        self.starting = False
        self.lock = RLock()


_owner = _Owner()
_registered = False
_finalizers: list[Any] = []
_leaving: Ticker | None = None


def running() -> Agent | None:
    """This process's agent, started if the environment asks for one; None if there is none."""
    if _owner.agent is not None or _owner.off:
        return _owner.agent
    return start(os.environ.get("LIFESIGN_DIR"))


def peek() -> Agent | None:
    """This process's agent if it runs; starts nothing."""
    return _owner.agent


def _make(directory: str) -> Agent:
    return Agent(directory, Settings(strict=False))


def start(
    directory: str | None,
    *,
    by_hand: bool = False,
    make: Callable[[str], Agent] = _make,
    between: bool = False,
) -> Agent | None:
    """Starts the agent in `directory`; None, with a warning, if that cannot be used.

    Args:
        make: makes it.
        between: the thread was interrupted between any two instructions.
    """
    owner = _owner
    with owner.lock:
        if owner.starting:
            return None  # a signal handler, say, in the middle of this very start
        if by_hand and owner.agent is not None and owner.by_hand:
            complain("start() was called, but the agent runs already")
        owner.by_hand = by_hand or owner.by_hand
        if owner.agent is not None:
            return owner.agent
        owner.off = True
        if not directory or not hook.in_main_interpreter():
            return None
        owner.starting = True
        try:
            owner.agent = _resumed(directory) or make(directory)
            stopped, owner.stopped = owner.stopped, None
            if stopped is not None:
                stopped.close()  # it was watched elsewhere
        except Exception as error:
            if from_signal_handler(error):
                owner.off = False
                raise
            complain(f"cannot watch this process in {directory}{_way_out(error)}", error)
            return None
        finally:
            owner.starting = False
        owner.off = False
        _register()
    _see_loops(between=between)
    return owner.agent


def _resumed(directory: str) -> Agent | None:
    """The agent that was stopped, if it is to go on where it was: it is one process, however often it starts."""
    agent = _owner.stopped
    if agent is None or agent.directory != directory:
        return None
    agent.resume()
    _owner.stopped = None
    return agent


def _way_out(error: Exception) -> str:
    if not isinstance(error, PermissionError):
        return ""
    return f": its user ({os.geteuid()}) may not write there; make the directory that user's before it is needed"


def replace(agent: Agent) -> Callable[[], None]:
    """For tests: makes `agent` this process's, and returns what ends it and brings back the one there was.

    Neither is closed: their watchdogs may be in the middle of a beat.
    """
    global _owner
    before, _owner = _owner, _Owner()
    mine = _owner
    mine.agent = agent
    _see_loops()

    def put_back() -> None:
        global _owner
        for one in (mine.agent, agent):  # the program may have stopped it and started another
            if one is not None:
                one.end()
        mine.agent, mine.off = None, True
        if _owner is mine:  # not in a forked child, which has its own
            _owner = before

    return put_back


def stop() -> bool:
    """Ends the agent with a tombstone; False when none was running. Calls are no-ops from then on."""
    with _owner.lock:
        agent, _owner.agent, _owner.off = _owner.agent, None, True
        if agent is None:
            return False
        agent.end()
        _owner.stopped = agent
        return True


def join(loops: Iterable[asyncio.AbstractEventLoop]) -> None:
    """Watches `loops`, which run in other threads and were not seen to start."""
    _beats.watch_those_that_run(loops)


def leave() -> Agent | None:
    """Ends the agent for good, as if it had never been there; returns it, to be closed when its thread has ended.

    Beats end in the threads of their loops, see `beating`.
    """
    global _registered
    agent = _owner.agent
    hook.forget(asyncio.events)
    atexit.unregister(_at_exit)
    _registered = False
    while _finalizers:
        _finalizers.pop().cancel()
    stop()
    _owner.stopped = None  # it will be closed: a later start makes another
    return agent


def beating() -> int:
    """How many loops still beat."""
    return _beats.beating()


_beats = LoopBeats(running)


def loop_changed(loop: Any) -> None:
    """A loop starts in this thread, or, with None, the one that ran here has ended."""
    with harmless:
        _beats.changed(loop)


def _see_loops(*, between: bool = False) -> None:
    """Watches the loops that start from now on, and those that run already."""
    hook.observe(asyncio.events, loop_changed)
    running = asyncio._get_running_loop()
    if running is not None:
        with harmless:
            _beats.changed(running, between=between)
    _beats.watch_those_that_run()


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        atexit.register(_at_exit, uncaught_in_program)
    if "multiprocessing.util" in sys.modules:
        # A forked multiprocessing child leaves by os._exit: atexit never runs there, finalizers do.
        from multiprocessing.util import Finalize

        _finalizers.append(Finalize(None, _at_exit_of_child, exitpriority=0))


def _at_exit_of_child() -> None:
    """In a child of multiprocessing, which waits for its threads after this, and runs nothing of ours then.

    A loop in one of them may serve for hours: it has not ended, and what ends it is what the kernel says.
    """
    goes_on = False
    with harmless:
        goes_on = uncaught_in_child() is None and bool(_beats.beating()) and _has_threads_to_wait_for()
    if not goes_on:
        _at_exit(uncaught_in_child)


def _has_threads_to_wait_for() -> bool:
    threads = getattr(sys.modules.get("threading"), "_active", {})
    return any(not thread.daemon for ident, thread in list(threads.items()) if ident != get_ident())


def _at_exit(ending: Callable[[], BaseException | None]) -> None:
    agent = _owner.agent
    if agent is not None:
        try:
            agent.end(ending(), last=True)
        except KeyboardInterrupt:
            agent.end(
                ending(), last=True
            )  # an impatient second Ctrl-C; the traceback would look like the service's fault
        except Exception as error:  # noqa: BLE001
            complain("no tombstone could be written", error)


def guard_forks(thread: Ticker | None) -> None:
    """The program is not to be warned because of this thread either, which takes the agent out; None when it has."""
    global _leaving
    _leaving = thread


def _before_fork() -> None:
    with harmless:
        agent = _owner.agent or _owner.stopped
        thread = _leaving or (agent.watchdog.thread if agent is not None else None)
        if thread is not None:
            thread.before_fork()


def _after_fork_in_child() -> None:
    global _owner, _beats
    agent = _owner.agent or _owner.stopped
    _owner = _Owner()  # anew: a lock that another thread held would stay held for ever
    _beats = LoopBeats(running)
    with harmless:
        reseed()
        if _leaving is not None:
            _leaving.after_warning()
        if agent is not None:
            agent.watchdog.thread.after_warning()
            agent.abandon()


# Before anybody holds a lock of ours.
at_fork(before=_before_fork, after_in_child=_after_fork_in_child)


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
