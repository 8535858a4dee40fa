"""The agent of this process: its folder in the run directory, its life token, its pulse.

One process has one agent. It starts when an event loop starts or when the API is called, and only
where ``LIFESIGN_DIR`` names a run directory. A forked child begins anew.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from lifesign.agent.boot import Boot
from lifesign.agent.checks.registry import CheckRequests
from lifesign.agent.crashdump import CrashDump
from lifesign.agent.dryrun.totals import Tally
from lifesign.agent.harmless import complain, failure
from lifesign.agent.identity import identity, reseed
from lifesign.agent.slots import LoopSlots
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.watchdog import Watchdog
from lifesign.settings import Settings
from lifesign.wire.folder import OwnFolder
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone


class Agent:
    """A running agent.

    Raises:
        OSError: the run directory cannot be used.
    """

    def __init__(self, directory: str, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self._folder = folder = OwnFolder(directory, self.pid)
        self.folder = folder.path
        me = identity(settings, os.environ)
        self.pulse = PulseWriter(folder.unfinished, me, settings.ring_size, folder.mode)
        self.pulse.events.dry_run = settings.dry_run
        for name, seconds in settings.events.items():
            self.pulse.events.promise(name, int(seconds * 1e9))
        if settings.checks:
            from lifesign.agent.checks.ready_made import register_all

            register_all(settings.checks)
        self.boot = Boot(self.pulse, me, settings)
        self.check_requests = CheckRequests(self.pulse)
        self.slots = LoopSlots()
        self.tally = Tally()
        self.crash_dump = CrashDump(folder.path, folder.mode, settings.last_words, settings.heartbeat_interval)
        self.watchdog = Watchdog(self.pulse, self.boot, self.slots, Tasks(self.slots.loops), settings, self.crash_dump)
        self.watchdog.start()  # before anyone looks: a pulse without a beat of it reads as frozen
        folder.publish()
        self._ended = False

    def end(self) -> None:
        """Writes the tombstone, with totals; the lock goes with the process. Safe to call twice."""
        if self._ended or os.getpid() != self.pid:
            return
        # Python leaves the exception that ended the program here, before it runs atexit.
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        tombstone: Tombstone = {
            "how": "clean" if error is None else "exception",
            "error": None if error is None else failure(error),
            "ended": time.time_ns(),
            "beats": sum(self.slots.beats),
            "events": self.pulse.events.total,
        }
        if tombstone["error"] is not None:
            tombstone["error"]["stack"] = tombstone["error"]["stack"][-1500:]  # it shares one block
            tombstone["error"]["message"] = tombstone["error"]["message"][:500]
        self.pulse.write_tombstone(tombstone)
        self._ended = True
        self.watchdog.stop()
        self.crash_dump.disarm()

    def abandon(self) -> None:
        """In a forked child: lets go of what belongs to the parent, without touching it."""
        self._ended = True
        self._folder.abandon()
        with contextlib.suppress(BufferError):  # another thread of the parent's was writing as it forked
            self.pulse.close()


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


def _see_loops() -> None:
    """Watches the loops that start from now on, and the one that runs here already."""
    from lifesign.agent import hook, loops  # they need this module

    hook.observe(asyncio.events)
    running = asyncio._get_running_loop()
    if running is not None:
        loops.changed(running)


def _register() -> None:
    global _registered
    if not _registered:
        _registered = True
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_after_fork)
    if "multiprocessing.util" in sys.modules:
        # A forked multiprocessing child leaves by os._exit: atexit never runs there, finalizers do.
        from multiprocessing.util import Finalize

        Finalize(None, _at_exit, exitpriority=0)


def _at_exit() -> None:
    agent = _owner.agent
    if agent is not None:
        try:
            agent.end()
        except KeyboardInterrupt:
            agent.end()  # an impatient second Ctrl-C; the traceback would look like the service's fault
        except Exception as error:  # noqa: BLE001
            complain("no tombstone could be written", error)


def _after_fork() -> None:
    global _owner
    agent, _owner = _owner.agent, _Owner()  # anew: a lock that another thread held would stay held for ever
    reseed()
    if agent is not None:
        agent.abandon()
