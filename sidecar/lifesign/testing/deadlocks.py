"""A test in a deadlock: notices it, from the watchdog's thread, and ends the test."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Iterable

from lifesign.agent.tasks import creation, odd
from lifesign.judge import states
from lifesign.judge.causes.cause import deadlocks
from lifesign.judge.causes.findings import Findings
from lifesign.judge.causes.newest_dump import NewestDump
from lifesign.judge.causes.threads import rings
from lifesign.testing.records import WrittenRecords

if TYPE_CHECKING:
    from types import FrameType

    from lifesign.agent.process import Agent
    from lifesign.judge.causes.findings import Dump

SEARCH_SECONDS = 0.3
PATIENCE_SECONDS = 1.0  # in which somebody may still cancel them, from outside of what can be seen
_STEP_SECONDS = 0.5
# One that nobody else uses; C code that takes long in the main thread returns for it.
_SIGNAL = getattr(signal, "SIGRTMAX", None) and signal.SIGRTMAX - 3


class TestDeadlockedError(BaseException):
    """Ends the test in whose thread it is raised; no ``except Exception`` is to catch it."""

    __test__ = False


class Deadlocks:
    """Looks for a deadlock once `begin` was called, until `end`."""

    def __init__(self) -> None:
        self.found: list[str] = []  # the lines that say what it is
        self._agent: Agent | None = None
        self._records: WrittenRecords | None = None
        self._newest = NewestDump()
        self._stuck: frozenset[int] = frozenset()
        self._since = 0.0
        self._began = float("inf")
        self._names: set[str] = set()  # of the tasks in it
        self._steps = 0
        self._next_step = 0.0
        self._handler: Any = None
        self._handles = False
        self._lock = threading.Lock()

    def begin(self, agent: Agent) -> None:
        """The test itself begins, in this thread."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if _SIGNAL is not None and in_main_thread and signal.getsignal(_SIGNAL) is signal.SIG_DFL:
            self._handler = signal.signal(_SIGNAL, self._raise)
            self._handles = True
        self._began = time.monotonic()
        with self._lock:
            self._records = WrittenRecords(agent.folder)
            self._agent = agent

    def end(self) -> None:
        """The test has ended."""
        with self._lock:
            self._agent = None
            if self._records is not None:
                self._records.close()
                self._records = None
        if self._handles:
            self._handles = False
            signal.signal(_SIGNAL, self._handler)  # type: ignore[arg-type]

    def beat(self) -> None:
        """Called at each beat of the watchdog."""
        with self._lock:
            if self._agent is None or self._records is None:
                return
            for record in self._records.new():
                self._newest.add(record)
                if record["kind"] == "task_dump":
                    self._newest.end(record)  # type: ignore[arg-type]
            now, stuck = time.monotonic(), self._agent.tasks.stuck
            if stuck != self._stuck:
                self._stuck, self._since = stuck, now
            if not stuck or now - self._since < PATIENCE_SECONDS or now < self._next_step:
                return
            dump = self._newest.dump
            said = [] if dump is None else _said(dump)
            if dump is None or not said:
                return
            if not self.found:
                self.found = said
                self._names = {name for ring in dump.summary["cycles"] for name in ring}
            self._next_step = now + _STEP_SECONDS
            self._steps += 1
            self._end_it(self._agent, self._steps)

    def _end_it(self, agent: Agent, step: int) -> None:
        """Ends the test, the gentlest way first: by cancelling what is in it, what it has made, and all there is."""
        if step <= 3 and self._names:
            for loop in agent.slots.loops():
                with contextlib.suppress(RuntimeError):  # it is closed
                    loop.call_soon_threadsafe(self._cancel, loop, step)
        elif self._handles:
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)  # type: ignore[arg-type]

    def _cancel(self, loop: asyncio.AbstractEventLoop, step: int) -> None:
        for task in asyncio.all_tasks(loop):
            origin = odd.read(task, creation.ATTRIBUTE)
            made_here = type(origin) is creation.Origin and origin.created >= self._began
            if step == 3 or (step == 2 and made_here) or odd.name(task) in self._names:
                task.cancel()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._agent is not None:
            raise TestDeadlockedError(self.found[0])


def _said(dump: Dump) -> list[str]:
    """The deadlocks of a dump, each with its evidence."""
    findings = Findings(states.HEALTHY, dump)
    found = [*deadlocks(findings), *rings(findings)]
    return [line for cause in found for line in _lines(cause.sentence, cause.evidence)]


def _lines(sentence: str, evidence: Iterable[str]) -> list[str]:
    return [sentence, *(f"    {line}" for line in evidence)]
