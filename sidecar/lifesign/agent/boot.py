"""The boot: from the process's first moment to its first event, stage by stage.

A program that promises no event has booted when its loop beats; one with expected checkpoints
(LIFESIGN_CHECKPOINTS) when it has reached them all; one with a proof of life (LIFESIGN_UNTIL) when that has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Literal

from lifesign import semconv
from lifesign.agent.checkpoints import Checkpoints
from lifesign.agent.checks.registry import registry
from lifesign.agent.harmless import harmless
from lifesign.agent.synthetic.context import synthetic
from lifesign.agent.tasks import own as own_tasks
from lifesign.settings import Settings
from lifesign.wire import layout
from lifesign.wire.writer import EventTable, PulseWriter

if TYPE_CHECKING:
    from lifesign.checkspec import Spec
    from lifesign.wire.records import BootEnded, Failure, Identity

_LAST_RUN = 1.0  # seconds of the boot's time that are left for the run that counts
_OUTCOMES: dict[int, Literal["complete", "failed", "timed_out"]] = {
    layout.BOOT_COMPLETE: "complete",
    layout.BOOT_FAILED: "failed",
    layout.BOOT_TIMED_OUT: "timed_out",
}


class Stage:
    """How far a boot is: plain numbers, as an enumeration takes 0.1 ms to define."""

    STARTED = 0  # no event loop yet
    BOOTING = 1
    WAITING = 2  # for the first event
    ARRIVED = 3
    CHECKING = 4  # the post-conditions run
    ENDED = 5


class Boot:
    """The boot of this process, from `identity`'s start on."""

    def __init__(self, pulse: PulseWriter, identity: Identity, settings: Settings) -> None:
        self._pulse = pulse
        self._promised = bool(settings.events or settings.until)
        self._proof = _Proof(settings.until, pulse.events)
        self._timeout = identity["boot_timeout"]
        # Who waits for a proof of life counts from the start; else slow imports do not count.
        since = identity["started_mono_ns"] if settings.until else time.monotonic_ns()
        self._deadline_ns = since + int(self._timeout * 1e9)
        self._stage = Stage.STARTED
        self._before_checks = Stage.STARTED
        self._turned = False
        # That of the pulse: whoever held one and waited for the other would hang with a signal handler that does it the
        # other way round.
        self._lock = pulse.lock
        self._checks: asyncio.Task[object] | None = None  # the loop alone would not keep it
        self.trace = identity["trace"]
        self.phase = layout.BOOT_STARTING
        self.ended_ns = 0
        self.checkpoints = Checkpoints(pulse.boot, identity["started"], settings.checkpoints)
        self.checkpoints.mark_built_in(semconv.CHECKPOINT_STARTED)
        self.checkpoints.mark_built_in(semconv.CHECKPOINT_TIMEOUT)

    def promise(self, name: str, within_ns: int) -> None:
        """The service promises this event; while it boots, the boot waits for it."""
        self._pulse.events.promise(name, within_ns)
        self._promised = True

    def is_over(self) -> None:
        """The process had booted before anybody watched."""
        self._end(layout.BOOT_COMPLETE, "")

    def loop_started(self) -> None:
        """An event loop starts; the first one boots the service."""
        self._reach(Stage.BOOTING, semconv.CHECKPOINT_BOOTING)

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called at each beat of the loop: advances the boot as far as possible, later runs the periodic checks."""
        if self._stage == Stage.ENDED:
            self._check_periodically(loop)
            return
        if self._stage == Stage.CHECKING:
            return
        if self._promised:
            self._reach(Stage.WAITING, semconv.CHECKPOINT_WAITING)
        if not self._proof.found():
            self._proof.look_for(loop)
        if not self._is_over():
            return
        if registry.registered():
            self._before_checks, self._stage = self._stage, Stage.CHECKING
            self._checks = own_tasks.create(loop, self._conclude_after_checks(), "lifesign-postconditions")
        else:
            self._conclude("")

    def _is_over(self) -> bool:
        """Whether everything that the boot waits for is there, except the post-conditions."""
        arrived = self._proof.found()
        waits = self._promised or self.checkpoints.open is not None
        if self.checkpoints.missing or (waits and not arrived):
            return False
        if arrived:
            made = contextlib.nullcontext() if self._pulse.events.real() else synthetic()
            with made:  # a synthetic first event proves nothing about the upstream
                self._reach(Stage.ARRIVED, semconv.CHECKPOINT_FIRST_EVENT)
        return True

    def loop_ended(self) -> None:
        """A loop has turned, be it for so short that it never beat: a boot that waits for nothing else is over."""
        self._turned = True
        if not registry.registered():
            self.end()

    def end(self) -> None:
        """The agent ends. Short loops, or an event without any, are all that some programs ever have."""
        if self._stage < Stage.CHECKING and (self._turned or self._proof.found()) and self._is_over():
            self._conclude("")

    def _reach(self, stage: int, checkpoint: str) -> None:
        with self._lock:
            if self._stage < stage:
                self._stage = stage
                self.checkpoints.mark_built_in(checkpoint)

    def _check_periodically(self, loop: asyncio.AbstractEventLoop) -> None:
        due = registry.due()
        if due:
            run = registry.run(due, self._pulse.ring)
            self._checks = own_tasks.create(loop, run, "lifesign-postconditions")

    async def _conclude_after_checks(self) -> None:
        try:
            with harmless:
                await self._await_checks()
                report = await registry.run(registry.registered(), self._pulse.ring, again=False)
                self._conclude("" if report.passed else report.diagnostic)
        finally:
            if self._stage == Stage.CHECKING:  # the loop ended meanwhile: another one runs them, if it comes to that
                self._stage = self._before_checks

    async def _await_checks(self) -> None:
        """Until those that need time hold, or enough is left of the boot's to say which do not."""
        awaited = [check for check in registry.registered() if check.awaited]
        until = self._deadline_ns - int(min(_LAST_RUN, self._timeout / 4) * 1e9)
        while awaited and (left := (until - time.monotonic_ns()) / 1e9) > 0:
            said = await registry.run(awaited, None, again=False)
            awaited = [check for check, result in zip(awaited, said.results) if not result.passed]
            if awaited:
                await asyncio.sleep(min(registry.pause, left))

    def _conclude(self, diagnostic: str) -> None:
        error: Failure | None = None
        if diagnostic:
            error = {"type": "PostconditionError", "message": diagnostic, "stack": ""}
        self.checkpoints.mark_built_in(semconv.CHECKPOINT_POSTCONDITIONS, error)
        if error is None:
            self.checkpoints.mark_built_in(semconv.CHECKPOINT_COMPLETE)
        self._end(layout.BOOT_FAILED if diagnostic else layout.BOOT_COMPLETE, diagnostic)

    def overdue(self) -> bool:
        """Whether the boot takes longer than its timeout."""
        return self._stage != Stage.ENDED and time.monotonic_ns() > self._deadline_ns

    def time_out(self) -> None:
        """Ends a boot that took too long."""
        self.end()
        if self._stage == Stage.ENDED:
            return
        diagnostic = f"timed out after {self._timeout:g} s {self._waited()}"
        error: Failure = {"type": "TimeoutError", "message": diagnostic, "stack": ""}
        self.checkpoints.mark_built_in(semconv.CHECKPOINT_TIMED_OUT, error)
        self._end(layout.BOOT_TIMED_OUT, diagnostic)

    def _waited(self) -> str:
        """What the boot was waiting for when it timed out."""
        if self._stage == Stage.CHECKING:
            return "waiting for the post-conditions"
        names = self.checkpoints.missing
        missing = f"; missing checkpoints: {', '.join(names)}" if names else ""
        if self.checkpoints.open is not None:
            return f"in checkpoint {self.checkpoints.open!r}{missing}"
        if self._stage == Stage.WAITING and not self._proof.found():
            return f"waiting for {self._proof.wanted()}{missing}"
        return f"waiting for {'the expected checkpoints' if names else 'the event loop to beat'}{missing}"

    def _end(self, phase: int, diagnostic: str) -> None:
        with self._lock:
            if self._stage == Stage.ENDED:
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
            self._stage = Stage.ENDED


class _Proof:
    """The proof of life that ends a boot: the service's first event, or a ready-made check that holds.

    Args:
        until: a ready-made check, or any event of the service.
        events: where they are counted; a check that holds counts as an event under its own name.
    """

    def __init__(self, until: Literal["event"] | Spec | None, events: EventTable) -> None:
        self._spec = until if until is not None and not isinstance(until, str) else None
        self._events = events
        self._held = False
        self._why = ""
        self._trying: asyncio.Task[None] | None = None
        self._next = 0.0

    def found(self) -> bool:
        """Whether it is there."""
        return self._held if self._spec is not None else self._events.total > 0

    def wanted(self) -> str:
        """What the boot waits for, and why it is missing if that is known."""
        if self._spec is None:
            return "the first event"
        return f"{self._spec.label}: {self._why}" if self._why else self._spec.label

    def look_for(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tries the check again, if there is one and it is not running."""
        now = time.monotonic()
        if self._spec is not None and now >= self._next and (self._trying is None or self._trying.done()):
            self._next = now + registry.pause
            self._trying = own_tasks.create(loop, self._try(self._spec), "lifesign-until")

    async def _try(self, spec: Spec) -> None:
        with harmless:
            from lifesign.agent.checks.ready_made import made
            from lifesign.agent.checks.runner import Postcondition

            report = await registry.run([Postcondition(spec.label, made(spec))], None)
            self._why = report.results[0].reason
            if report.passed and not self._held:
                self._held = True
                self._events.count(spec.label)
