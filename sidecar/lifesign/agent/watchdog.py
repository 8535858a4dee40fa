"""A thread that beats beside the loop: it tells a blocked loop from a process that runs no Python.

It also does what the loop must not be kept from its work for: it looks for requests of the sidecar,
takes task dumps, and notices a boot that takes too long.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from lifesign.agent.harmless import complain
from lifesign.agent.tasks import Tasks
from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.agent.boot import Boot


class Watchdog:
    """The thread; `interval` in seconds."""

    def __init__(self, pulse: PulseWriter, boot: Boot, tasks: Tasks, interval: float) -> None:
        self._pulse = pulse
        self._boot = boot
        self._tasks = tasks
        self._interval = interval
        self._beats = 0
        self._answered = 0  # the newest request that has been dealt with
        self._dumps: list[str] = []  # reasons for dumps that this process itself asked for
        self._stopping = threading.Event()
        # A daemon: it must never keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="lifesign-watchdog", daemon=True)

    def start(self) -> None:
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Asks the thread to end and does not wait for it."""
        self._stopping.set()

    def dump(self, reason: str) -> None:
        """Takes a task dump at the next beat; several calls before it are one dump."""
        if reason not in self._dumps:
            self._dumps.append(reason)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._beat()
                if self._boot.overdue():
                    self._boot.time_out()
                    self.dump("boot timeout")
                self._dump_if_asked()
            except Exception as error:  # noqa: BLE001 - a watchdog that dies of a surprise watches nothing
                complain("the watchdog failed at a beat", error)

    def _beat(self) -> None:
        self._beats += 1
        self._pulse.watchdog.write(
            self._beats,
            time.time_ns(),
            time.monotonic_ns(),
            self._tasks.count(),
            self._boot.phase,
            self._boot.ended_ns,
            self._answered,
        )

    def _dump_if_asked(self) -> None:
        asked = self._pulse.requests(layout.REQUEST_DUMP)
        if asked != self._answered:
            self._tasks.dump(self._pulse.ring, "request", asked, self._beat)
            self._answered = asked
        while self._dumps:
            self._tasks.dump(self._pulse.ring, self._dumps.pop(0), 0, self._beat)
