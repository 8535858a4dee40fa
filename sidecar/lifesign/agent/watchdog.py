"""A thread that beats beside the loop: it distinguishes a blocked loop from a process that runs no Python.

It also does what must not cost the loop time: it checks for requests of the sidecar, gathers the evidence of a stall,
takes task dumps, and notices a boot that takes too long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable

from lifesign.agent.checks.registry import registry
from lifesign.agent.complaints.deaths import LOOKED_AT
from lifesign.agent.harmless import complain, in_own_thread, take_warning
from lifesign.agent.native import Ticker, get_native_id
from lifesign.agent.slots import LoopSlots
from lifesign.agent.stalls.finalizers import Finalizers
from lifesign.agent.stalls.rest import Rest
from lifesign.agent.stalls.sampler import Sampler
from lifesign.agent.tasks.allowance import Allowance
from lifesign.agent.tasks.dump import Tasks
from lifesign.agent.tasks.population import TaskCount
from lifesign.agent.tasks.stall import stall
from lifesign.agent.tasks.threads.ending import ProgramEnd
from lifesign.agent.tasks.walk import place_called, place_key
from lifesign.settings import Settings
from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter

if TYPE_CHECKING:
    from lifesign.agent.boot import Boot
    from lifesign.agent.native import Kept

EVIDENCE = 2 / 3  # of the heartbeat timeout: the evidence must be there when the sidecar judges
STALL_SECONDS = 30.0  # between two dumps while a loop stays blocked
QUIET_SECONDS = 5.0  # between two dumps that nobody asked for by hand
_RARELY = 5  # beats of a loop to one of ours, while there is nothing to look after
_TIMEOUT_PARTS = 6  # of the heartbeat timeout: in each of them it beats at least once ...
_AT_REST = 2  # ... or in so many together, while no loop has anything to do
_AT_REST_SECONDS = 1.0  # at most: who asks for a dump waits so much longer
BY_HAND = ("request", "call")


def pauses(interval: float, timeout: float) -> tuple[float, float]:
    """Seconds between two beats where there is nothing to look after: while the loops turn, and while they rest.

    Args:
        interval: seconds between two beats of a loop.
        timeout: seconds after which a beat is stale.
    """
    most = min(_RARELY * interval, timeout / _TIMEOUT_PARTS)
    turning = max(interval, most)
    return turning, max(turning, min(_AT_REST * most, _AT_REST_SECONDS))


class Watchdog:
    """What the thread does.

    Args:
        at_beat: called at each beat, and the other one at each at which there is time, at least once a second.
        keep: see `agent.native.Ticker`.
    """

    def __init__(
        self,
        pulse: PulseWriter,
        boot: Boot,
        slots: LoopSlots,
        tasks: Tasks,
        settings: Settings,
        finalizers: Finalizers,
        at_beat: tuple[Callable[[], None], Callable[[], None]],
        keep: Callable[[], Kept | None] = lambda: None,
    ) -> None:
        self._pulse = pulse
        self._boot = boot
        self._slots = slots
        self._tasks = tasks
        self._at_beat, self._look_after = at_beat
        self._timeout = settings.heartbeat_timeout
        self._soon = settings.heartbeat_interval
        self._rarely, self._at_rest = pauses(self._soon, self._timeout)
        self._period = settings.dump_interval if settings.async_debug else None
        self._beats = 0
        self._by_turns = False  # what is not urgent is looked after at every other beat
        self._looked_after = False  # at the beat before
        self._count = TaskCount(0, 0)
        self._ending = ProgramEnd(slots, self._timeout, pulse.events.real)
        self._answered = [0] * len(layout.REQUEST_REASONS)  # by word, the newest request that was handled
        self._wanted: dict[str, int] = {}  # reasons for a dump, each with the request that it answers
        self._next_period = time.monotonic() + settings.dump_interval
        self._next_unasked = 0.0
        self._allowance = Allowance()
        self._finalizers = finalizers
        self._rest = Rest(slots, settings.heartbeat_interval, settings.heartbeat_timeout)
        self.sampler = Sampler(pulse.ring, slots, self._rest, settings, self._allowance)
        self._last_look = time.monotonic()
        self._stalled: dict[int, tuple[int, float]] = {}  # by slot: the beat it stalls since, when to look again
        pause = self.sampler.pause if self.sampler.on else None
        self.thread = Ticker(settings.heartbeat_interval, self._tick, pause, keep)
        self._beat()

    def start(self) -> None:
        """Beats at once, and from now on."""
        self._last_look = time.monotonic()
        self._beat()
        self.thread.start()

    def dump(self, reason: str) -> None:
        """Requests a task dump at the next beat; several calls before it are one dump."""
        self._wanted.setdefault(reason, 0)

    def _tick(self) -> None:
        try:
            if not self._stalled and self._finalizers.step_aside():
                self._beat()
                self.thread.interval = self._soon
                return
            self._looked_after = not (self._looked_after and self._by_turns)
            if self._looked_after:
                in_own_thread(get_native_id())
                warning = take_warning()
                if warning is not None:
                    self._pulse.ring.append(warning)
                self._count = self._tasks.count()
            self._beat()
            self._at_beat()
            self._look_for_stalls()
            self._look_for_requests()
            if self._looked_after:
                self._look_after()
                self.sampler.beat()
                self._look_for_reasons()
            self._dump_what_is_wanted()
            self._rest.look(time.monotonic_ns())
            quiet, rests = self._is_quiet(), self._rest.on
            self._by_turns = quiet and not rests
            self.thread.interval = self._soon if not quiet else self._at_rest if rests else self._rarely
        except BaseException as error:  # noqa: BLE001 - of a task's own methods, say; a watchdog that dies watches nothing
            complain("the watchdog failed at a beat", error)
        finally:
            self._finalizers.leave()

    def _is_quiet(self) -> bool:
        """Whether the boot is over, the loops turn, and there are few tasks to look at and none to dump."""
        if self._boot.phase == layout.BOOT_STARTING or self._stalled or self._wanted:
            return False
        return sum(self._count) <= LOOKED_AT

    def _beat(self) -> None:
        self._beats += 1
        self._pulse.watchdog.write(
            self._beats,
            time.time_ns(),
            time.monotonic_ns(),
            self._count.unfinished,
            self._boot.phase,
            self._boot.ended_ns,
            self._answered[layout.REQUEST_DUMP],
            registry.failing(),
            self._count.finished,
            self._slots.unwatched,
            self._ending.phase,
            self._ending.for_ns,
        )

    def _look_for_stalls(self, *, afresh: bool = False) -> None:
        """Gathers evidence where a loop does not turn, `afresh` also of a stall that was looked at not long ago."""
        now = time.monotonic()
        last, self._last_look = self._last_look, now
        if now < last:  # the clock was set back: what is due is due by another one
            self._next_unasked = 0.0
            self._next_period = now + (self._period or 0.0)
        if now - last > EVIDENCE * self._timeout:
            return  # nothing ran, this thread neither: the loop has a moment to beat before it is looked at
        for slot, newest in enumerate(self._slots.beating):
            beating = None if newest is None else newest.copy()
            age = 0.0 if beating is None else now - beating.mono_ns / 1e9
            if beating is not None and age < 0:
                beating.look_after()  # the clock was set back
            if beating is None or age < EVIDENCE * self._timeout:
                self._stalled.pop(slot, None)
                continue
            beating.look_after()
            since, again = self._stalled.get(slot, (0, 0.0))
            if since == beating.mono_ns and now < again and not afresh:
                continue
            evidence = stall(slot, beating, list(self._tasks.each()), self._slots.by_thread())
            if evidence is not None:
                samples = self.sampler.evidence(slot, place_key(place_called(evidence["stack"])))
                if samples is not None:
                    evidence["samples"], evidence["in_place"], evidence["computing"] = samples
                self._pulse.ring.append(evidence)
            overdue = age >= self._timeout
            if overdue and not (evidence is not None and evidence.get("parked")):
                self.dump("blocked")
            # The first stack is taken early, the second as the timeout passes, the others now and then.
            pause = STALL_SECONDS if overdue else self._timeout - age
            self._stalled[slot] = (beating.mono_ns, now + pause)

    def _look_for_reasons(self) -> None:
        if self._boot.overdue():
            self._boot.time_out()
            if self._boot.phase == layout.BOOT_TIMED_OUT:  # it may have been over, and nobody had asked
                self.dump("boot timeout")
        if self._period is not None and time.monotonic() >= self._next_period:
            self._next_period = time.monotonic() + self._period
            self.dump("periodic")
        found = self._tasks.search(self._beat)
        if found:
            self.dump(found)
        ends = self._ending.look()
        if ends:
            self.dump(ends)

    def _look_for_requests(self) -> None:
        for word, reason in enumerate(layout.REQUEST_REASONS):
            asked = self._pulse.requests(word)
            if asked != self._answered[word]:
                self._wanted[reason] = asked

    def _dump_what_is_wanted(self) -> None:
        for reason, request in list(self._wanted.items()):
            by_hand = reason in BY_HAND
            if not by_hand and time.monotonic() < self._next_unasked:
                continue
            del self._wanted[reason]
            if by_hand and self._stalled:
                self._look_for_stalls(afresh=True)  # who asks wants to know what blocks now
            before = self._pulse.ring.written
            try:
                # How long each has waited is what says what is stuck: not as long as when the same groups were seen.
                whole = by_hand or reason == "no progress"
                self._tasks.dump(self._pulse.ring, reason, request if by_hand else 0, self._beat, whole=whole)
            finally:  # one that fails would fail at each beat
                self._finalizers.leave()
                if reason in layout.REQUEST_REASONS:
                    self._answered[layout.REQUEST_REASONS.index(reason)] = request
                if not by_hand:
                    now, written = time.monotonic(), self._pulse.ring.written - before
                    pause = 0.0 if reason == "periodic" else self._allowance.spend(written, now)
                    self._next_unasked = now + max(QUIET_SECONDS, pause)
