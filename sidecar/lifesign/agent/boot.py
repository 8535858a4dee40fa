"""The boot: from the process's first moment to its first event, in checkpoints.

Eight of them are built in (`semconv.CHECKPOINTS`); the service marks its own between them.
Each is a record in the boot lane, which never wraps. A program that promises no event has booted
when its loop beats; one that lists the checkpoints it expects (LIFESIGN_CHECKPOINTS) when it has
reached them all; one that is to prove its life (LIFESIGN_UNTIL) when it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Literal

from lifesign import semconv
from lifesign.agent.checks.registry import registry
from lifesign.agent.dryrun import synthetic
from lifesign.agent.harmless import harmless
from lifesign.agent.identity import new_span_id
from lifesign.agent.proof import Proof
from lifesign.settings import Settings
from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.wire.records import BootEnded, BootExpects, Checkpoint, Failure, Identity

_NAME_CHARACTERS = 200
_CHECK_PAUSE = 0.1  # seconds between two runs of checks that are awaited
_LAST_RUN = 1.0  # seconds of the boot's time that are left for the run that counts
_EXPECTED_MAX = 100  # names, so that the list fits into one record
_OUTCOMES: dict[int, Literal["complete", "failed", "timed_out"]] = {
    layout.BOOT_COMPLETE: "complete",
    layout.BOOT_FAILED: "failed",
    layout.BOOT_TIMED_OUT: "timed_out",
}


class Boot:
    """The boot of this process, from `identity`'s start on."""

    def __init__(self, pulse: PulseWriter, identity: Identity, settings: Settings) -> None:
        self._pulse = pulse
        self._promised = bool(settings.events or settings.until)
        self._proof = Proof(settings.until, pulse.events)
        self._timeout = identity["boot_timeout"]
        # Who waits for a proof of life counts from the start; else slow imports are nobody's business.
        since = identity["started_mono_ns"] if settings.until else time.monotonic_ns()
        self._deadline_ns = since + int(self._timeout * 1e9)
        self._last_mark = identity["started"]
        self._lock = threading.RLock()
        self._running: asyncio.Task[object] | None = None
        self._booting = self._waiting = False
        self._open: dict[str, str] = {}  # timed blocks under way: id and name
        self._expected = settings.checkpoints[:_EXPECTED_MAX]
        self._missing = dict.fromkeys(self._expected)  # in their order
        self.trace = identity["trace"]
        self.phase = layout.BOOT_STARTING
        self.ended_ns = 0
        if self._expected:
            expects: BootExpects = {
                "kind": "boot_expects",
                "names": [name[:_NAME_CHARACTERS] for name in self._expected],
            }
            pulse.boot.append(expects)
        self._mark_built_in(semconv.CHECKPOINT_STARTED)
        self._mark_built_in(semconv.CHECKPOINT_TIMEOUT)

    def promise(self, name: str, within_ns: int) -> None:
        """The service says that this event will come; while it boots, it is waited for."""
        self._pulse.events.promise(name, within_ns)
        self._promised = True

    def mark(self, name: str, *, number: int | None = None, error: Failure | None = None, id: str = "") -> None:  # noqa: A002
        """A checkpoint that is reached now; its span runs from the mark before."""
        with self._lock:
            now = time.time_ns()
            self.write(name, self._last_mark, now, number=number, error=error, id=id)
            self._missing.pop(name, None)
            self._last_mark = now

    def write(
        self,
        name: str,
        start: int,
        end: int | None,
        *,
        number: int | None = None,
        error: Failure | None = None,
        id: str = "",  # noqa: A002
    ) -> None:
        """Writes one checkpoint; a later record with the same id takes the place of an earlier one."""
        total = None if number is None else len(semconv.CHECKPOINTS)
        if number is None and name in self._expected:
            number, total = self._expected.index(name) + 1, len(self._expected)
        record: Checkpoint = {
            "kind": "checkpoint",
            "id": id or new_span_id(),
            "name": name[:_NAME_CHARACTERS],
            "number": number,
            "total": total,
            # A wall clock that was set back must not make a span end before it starts.
            "start": start if end is None else min(start, end),
            "end": end,
            "error": error,
            "synthetic": synthetic.is_synthetic(),
        }
        self._pulse.boot.append(record)

    def open_block(self, name: str, start: int, id: str) -> None:  # noqa: A002
        """The start of a timed block; the boot does not end by itself while one is open."""
        with self._lock:
            self._open[id] = name
            if name in self._expected:  # the mark before this was only the call
                self._missing[name] = None
            self.write(name, start, None, id=id)

    def close_block(self, name: str, start: int, id: str, error: Failure | None) -> None:  # noqa: A002
        """The end of a timed block."""
        with self._lock:
            now = time.time_ns()
            self._open.pop(id, None)
            if error is None:
                self._missing.pop(name, None)
            self.write(name, start, now, error=error, id=id)
            self._last_mark = now

    def loop_started(self) -> None:
        """An event loop starts; the first one boots the service."""
        if not self._booting:
            self._booting = True
            self._mark_built_in(semconv.CHECKPOINT_BOOTING)

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called at each beat of the loop: takes the boot on as far as it goes, later the periodic checks."""
        if self.phase != layout.BOOT_STARTING:
            self._check_periodically(loop)
            return
        if self._running is not None:
            return
        arrived = self._proof.found()
        if self._promised and not self._waiting:
            self._waiting = True
            self._mark_built_in(semconv.CHECKPOINT_WAITING)
        if not arrived:
            self._proof.look_for(loop)
        if self._missing or (not arrived and (self._promised or self._open)):
            return
        if arrived:
            made = contextlib.nullcontext() if self._pulse.events.real() else synthetic.synthetic()
            with made:  # a first event that was generated is no sign of the upstream
                self._mark_built_in(semconv.CHECKPOINT_FIRST_EVENT)
        if registry.registered():
            self._running = loop.create_task(self._conclude_after_checks(), name="lifesign-postconditions")
        else:
            self._conclude("")

    def _check_periodically(self, loop: asyncio.AbstractEventLoop) -> None:
        due = registry.due()
        if due:
            run = registry.run(due, self._pulse.ring)
            self._running = loop.create_task(run, name="lifesign-postconditions")

    async def _conclude_after_checks(self) -> None:
        with harmless:
            await self._await_checks()
            report = await registry.run(registry.registered(), self._pulse.ring)
            self._conclude("" if report.passed else report.diagnostic)

    async def _await_checks(self) -> None:
        """Until those that need time hold, or enough is left of the boot's to say which do not."""
        awaited = [check for check in registry.registered() if check.awaited]
        until = self._deadline_ns - int(min(_LAST_RUN, self._timeout / 4) * 1e9)
        while awaited and time.monotonic_ns() < until:
            if (await registry.run(awaited, None)).passed:
                return
            await asyncio.sleep(_CHECK_PAUSE)

    def _conclude(self, diagnostic: str) -> None:
        error: Failure | None = None
        if diagnostic:
            error = {"type": "PostconditionError", "message": diagnostic, "stack": ""}
        self._mark_built_in(semconv.CHECKPOINT_POSTCONDITIONS, error)
        self._mark_built_in(semconv.CHECKPOINT_COMPLETE, error)
        self._end(layout.BOOT_FAILED if diagnostic else layout.BOOT_COMPLETE, diagnostic)

    def overdue(self) -> bool:
        """Whether the boot takes longer than its timeout."""
        return self.phase == layout.BOOT_STARTING and time.monotonic_ns() > self._deadline_ns

    def time_out(self) -> None:
        """Ends a boot that took too long."""
        diagnostic = f"timed out after {self._timeout:g} s {self._waited()}"
        self._mark_built_in(semconv.CHECKPOINT_TIMED_OUT, {"type": "TimeoutError", "message": diagnostic, "stack": ""})
        self._end(layout.BOOT_TIMED_OUT, diagnostic)

    def _waited(self) -> str:
        if self._running is not None:
            return "waiting for the post-conditions"
        missing = f"; missing checkpoints: {', '.join(self._missing)}" if self._missing else ""
        if self._open:
            return f"in checkpoint {next(iter(self._open.values()))!r}{missing}"
        if self._waiting and not self._proof.found():
            return f"waiting for {self._proof.wanted()}{missing}"
        return f"waiting for {'the expected checkpoints' if self._missing else 'the event loop to beat'}{missing}"

    def _mark_built_in(self, name: str, error: Failure | None = None) -> None:
        self.mark(name, number=semconv.CHECKPOINTS.index(name) + 1, error=error)

    def _end(self, phase: int, diagnostic: str) -> None:
        with self._lock:
            if self.phase != layout.BOOT_STARTING:
                return
            record: BootEnded = {
                "kind": "boot_ended",
                "outcome": _OUTCOMES[phase],
                "diagnostic": diagnostic[:2000],
                "end": time.time_ns(),
            }
            self._pulse.boot.append(record)
            self.ended_ns = time.monotonic_ns()
            self.phase = phase
