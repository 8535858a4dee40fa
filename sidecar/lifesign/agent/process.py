"""The agent of this process: its folder in the run directory, its life token, its pulse.

One process has one agent (`agent.lifecycle`).
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Callable

from lifesign.agent.boot import Boot
from lifesign.agent.checks.registry import CheckRequests, registry
from lifesign.agent.complaints.observed import Complaints
from lifesign.agent.exceptions import failure
from lifesign.agent.harmless import complain
from lifesign.agent.identity import identity
from lifesign.agent.lastwords.crash import CrashDump
from lifesign.agent.lastwords.stacks import StacksOnDemand
from lifesign.agent.slots import LoopSlots
from lifesign.agent.stalls.finalizers import Finalizers
from lifesign.agent.system.context import ProcessContext, publish
from lifesign.agent.system.usage import UsageWriter
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.watchdog import Watchdog
from lifesign.loading import import_now
from lifesign.settings import Settings
from lifesign.wire import layout
from lifesign.wire.folder import OwnFolder
from lifesign.wire.loops import LoopsFile
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.wire.records import Tombstone


class Agent:
    """A running agent.

    Args:
        search_seconds: between two searches for a deadlock that nobody asked for; `tasks.dump` has the default.
        attached: it is brought into a process that has booted.
        at_beat: called at each beat of the watchdog, in its thread.

    Raises:
        OSError: the run directory cannot be used. Nothing is left behind.
    """

    def __init__(
        self,
        directory: str,
        settings: Settings,
        *,
        search_seconds: float | None = None,
        attached: bool = False,
        at_beat: Callable[[], None] | None = None,
    ) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.directory = directory
        self.ended = False
        self.closed = False
        self.for_a_loop = True  # there is something to do for a loop, as it beats
        self._also_at_beat = at_beat
        with contextlib.ExitStack() as undone:
            self._folder = folder = OwnFolder(directory, self.pid)
            undone.callback(folder.discard)
            self.folder = folder.path
            self._identity = me = identity(settings, os.environ)
            if attached:
                me["attached"] = True
            self.pulse = PulseWriter(folder.unfinished, me, settings.ring_size, folder.mode)
            undone.callback(self.pulse.close)
            self.pulse.events.dry_run = settings.dry_run
            for name, seconds in settings.events.items():
                self.pulse.events.promise(name, int(seconds * 1e9))
            if settings.checks:
                from lifesign.agent.checks.ready_made import register_all

                register_all(settings.checks)
            self.boot = Boot(self.pulse, me, settings)
            if attached:
                self.boot.is_over()
            self.check_requests = CheckRequests(self.pulse)
            self._usage = UsageWriter(self.pulse, settings.metric_interval)
            self.slots = LoopSlots(self._more_loops)
            self._crash_dump = CrashDump(folder.create, settings.last_words)
            undone.callback(self._crash_dump.abandon)
            self._stacks = StacksOnDemand(folder, settings.last_words)
            undone.callback(self._stacks.abandon)
            finalizers = Finalizers(self.slots, settings.heartbeat_interval)
            self.tasks = tasks = Tasks(self.slots.loops, self.slots.by_thread, search_seconds, finalizers)
            self.complaints = Complaints(self.slots.loops)
            undone.callback(self.complaints.close)
            self.watchdog = Watchdog(
                self.pulse,
                self.boot,
                self.slots,
                tasks,
                settings,
                finalizers,
                (self._at_beat, self._look_after),
                self._publish,
            )
            undone.callback(self.watchdog.sampler.close)
            import_now()
            folder.publish()  # with one beat of the watchdog: a pulse without any reads as frozen
            self.watchdog.thread.start()
            undone.pop_all()

    def end(self, error: BaseException | None = None, *, last: bool = False) -> None:
        """Writes the tombstone, with totals; the lock goes with the process. Safe to call twice.

        Args:
            error: the exception that the process ends of.
            last: the process ends. The watchdog beats on: others' exit handlers may work for long.
        """
        if self.ended or os.getpid() != self.pid:
            return
        self.boot.end()
        self.complaints.end(self.pulse.ring)
        self.watchdog.sampler.end()
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
        self.ended = True
        if not last:
            self.watchdog.thread.stop()
            self._stacks.withdraw()

    def resume(self) -> None:
        """After `end`, where the program wants to be watched again: it is still the same process."""
        self.ended = False
        self._stacks.resume()
        self.complaints.resume()
        self.watchdog.sampler.resume()
        self.watchdog.start()
        self.pulse.take_tombstone_back()

    def mark(self, name: str) -> None:
        """Makes an empty file of this name in its folder; raises OSError."""
        os.close(self._folder.create(name))

    def abandon(self) -> None:
        """In a forked child: lets go of what belongs to the parent, without touching it."""
        self.ended = True
        self.close()

    def close(self) -> None:
        """Lets go of all files, for good."""
        self.closed = True
        self._crash_dump.abandon()
        self._stacks.abandon()
        self.complaints.close()
        self.watchdog.sampler.close()
        self._folder.abandon()
        with contextlib.suppress(BufferError):  # somebody writes, or another thread of the parent's did as it forked
            self.pulse.close()

    def _more_loops(self) -> int:
        """Makes room for more event loops, in one more file beside the pulse; returns for how many."""
        number = self.pulse.loops_files
        if number == len(layout.LOOPS_FILES):
            return 0
        path = os.path.join(self.folder, layout.LOOPS_FILES[number])
        try:
            more = LoopsFile(path, self._folder.mode)
            self._folder.share(path, self._folder.mode)
        except OSError as error:
            complain("there is no room for more event loops", error)
            return 0
        self.pulse.add_loops(more)
        return layout.MORE_LOOPS

    def _publish(self) -> ProcessContext | None:
        """In the watchdog's thread: says to profilers who this process is."""
        try:
            return publish(self._identity) if self.settings.process_context else None
        except Exception as error:  # noqa: BLE001 - nobody needs it to be watched
            complain("its process context cannot be published", error)
            return None

    def _at_beat(self) -> None:
        """Reads what the sidecar asks for, and locks the life token again where the program closed all descriptors."""
        self.complaints.write(self.pulse.ring)
        self.pulse.take_requests(self._folder.requests())
        booting = self.boot.phase == layout.BOOT_STARTING
        self.for_a_loop = booting or self.settings.dry_run or self.check_requests.is_new() or registry.is_due()
        if self.pid == os.getpid() and not self._folder.is_held():
            self._crash_dump.look_after_soon()
            self._stacks.look_after_soon()
            self._folder.hold_again()
            self._look_after()
        if self._also_at_beat is not None:
            self._also_at_beat()

    def _look_after(self) -> None:
        """What is done about once a second, and at each beat while there is much to do."""
        self._crash_dump.look_after()
        self._stacks.beat()
        self.complaints.beat(self.pulse.ring)
        self._usage.beat()
