"""Samples the threads of event loops that do not turn, from the watchdog's thread, as it pauses between its beats.

A call in C that holds the GIL keeps the watchdog from running, too. CPython hands the GIL over right after it, so
whoever wakes up late looks at once, and finds the loop's thread where it made that call, nearly always.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque

from lifesign.agent.harmless import complain
from lifesign.agent.native import RLock, get_ident, sleep
from lifesign.agent.price import Price
from lifesign.agent.slots import NEVER_NS, Beating, LateBeat, LoopSlots
from lifesign.agent.stalls import kernel
from lifesign.agent.stalls.culprits import CulpritCounts
from lifesign.agent.stalls.garbage import Garbage
from lifesign.agent.stalls.machine import Machine, named_threads
from lifesign.agent.stalls.rest import Rest
from lifesign.agent.stalls.shares import EndedStall, Interval, shares
from lifesign.agent.stalls.spins import Spins
from lifesign.agent.stalls.stacks import SeenStack, Walk, of_loop, of_thread, walk
from lifesign.agent.stalls.underway import Underway
from lifesign.agent.tasks.allowance import Allowance
from lifesign.agent.tasks.frames import current_frames
from lifesign.agent.tasks.stall import is_parked
from lifesign.settings import Settings
from lifesign.wire.lane import LaneWriter

_SOONEST_SECONDS = 0.001
_GAP_NS = 50_000_000  # from which on this thread did not run for a reason
_OVERDUE_NS = 5_000_000
_ABOUT = 1.1  # of a pause: rather a little longer than once more
_OWN_SWITCHES = 2  # of a thread that pauses and wakes up in time
_LOOPS_AT_ONCE = 16
_PRICE = 200  # a rest is so many times what is measured of a sample, which is half of its cost
_THREADS_MAX = 64  # that are walked when one of them may hold the GIL
_INTERVALS_KEPT = 64


class Sampler:
    """Finds who keeps loops from turning, and has it written.

    Args:
        allowance: for all that is written unasked.
    """

    def __init__(
        self, ring: LaneWriter, slots: LoopSlots, rest: Rest, settings: Settings, allowance: Allowance
    ) -> None:
        self._ring = ring
        self._slots = slots
        self._rest = rest
        self.on = settings.stall_threshold > 0
        self._threshold_ns = int(settings.stall_threshold * 1e9)
        self._interval_ns = int(settings.heartbeat_interval * 1e9)
        self._half_ns = min(self._interval_ns, self._threshold_ns) // 2  # since when a loop stalls: half of a beat
        self._gap_ns = min(_GAP_NS, self._threshold_ns // 2)
        # Of a beat, when its loop is looked at if there is no other: a little after one is due that is on time.
        self._late_ns = self._interval_ns + self._threshold_ns // 2 + min(_OVERDUE_NS, self._threshold_ns // 20)
        self._due = settings.heartbeat_interval
        self._underway: dict[int, Underway] = {}
        self._counted: dict[int, int] = {}  # by slot, the beat before a stall that `flush` has counted
        self._intervals: deque[Interval] = deque(maxlen=_INTERVALS_KEPT)
        self._culprits = CulpritCounts(allowance)
        self._machine = Machine(slots)
        self._garbage = Garbage()
        self._spins = Spins(ring, slots, settings.heartbeat_timeout)
        self._rested_ns = 0  # before which no sample is taken: they are to cost a hundredth of the time
        self._price = Price(_PRICE)
        self._lock = RLock()
        self.resume()

    def pause(self, seconds: float) -> float:
        """Pauses for at most about so many seconds, less while a loop does not turn; returns for how many."""
        pause = max(_SOONEST_SECONDS, min(seconds * _ABOUT, self._due))
        switches, used, began = kernel.switches(), time.process_time_ns(), time.monotonic_ns()
        sleep(pause)
        self._due = seconds
        try:
            self._due = self._look(began + int(pause * 1e9), switches, used + int(pause * 1e9)) / 1e9
        except BaseException as error:  # noqa: BLE001 - of the program's objects, say
            complain("a stall could not be sampled", error)
        return pause

    def beat(self) -> None:
        """Called at each beat of the watchdog: writes what is due."""
        if not self.on:
            return
        with self._lock:
            now = time.monotonic_ns()
            self._machine.read(now, at_rest=self._rest.on)
            self._culprits.write(self._ring, now / 1e9)
            self._spins.beat(now)
            if self._underway:
                self._finish_all()
                for slot in [slot for slot, one in self._underway.items() if not self._goes_on(slot, one)]:
                    del self._underway[slot]

    def evidence(self, slot: int, place: int | None) -> tuple[int, int, int] | None:
        """What the samples say of a loop that does not turn; None without samples.

        Args:
            place: the key of what its thread is in now.
        """
        underway = self._underway.get(slot)
        if underway is None or not underway.samples or not self._goes_on(slot, underway):
            return None
        return underway.evidence(place)

    def end(self) -> None:
        """The agent ends: writes what is left."""
        self.close()
        self.flush()

    def flush(self) -> None:
        """Counts what is under way as if it were over, and writes all that is new."""
        with self._lock:
            self._finish_all()
            for slot, underway in list(self._underway.items()):
                if self._goes_on(slot, underway):
                    now, used = time.monotonic_ns(), kernel.thread_time(underway.before.native_thread)
                    cpu = underway.before.cpu_ns if used is None else used.cpu_ns
                    delay = now - underway.since_ns - self._half_ns
                    self._finish(LateBeat(slot, underway.before, now, delay, cpu))
                    self._counted[slot] = underway.before.mono_ns
            self._culprits.write_all(self._ring)

    def resume(self) -> None:
        """After `end`, where the agent is started again."""
        if self.on:
            self._slots.late_ns = self._threshold_ns - self._half_ns
            self._garbage.begin()

    def close(self) -> None:
        """Measures nothing any more; also in a forked child."""
        self._slots.late_ns = NEVER_NS
        self._garbage.close()

    def _look(self, due: int, switches: int, used: int) -> int:
        """Nanoseconds until it is to be called again, for a pause that should have been over at `due`."""
        now = time.monotonic_ns()
        soonest, late = self._late(now)
        overslept = now - due
        if not late and overslept < self._gap_ns:
            if self._slots.late or now >= self._spins.next_ns:
                with self._lock:
                    self._finish_all()
                    if now >= self._spins.next_ns:
                        self._spins.sample(now)
            sampled = NEVER_NS
        else:
            with self._lock:
                sampled = self._sample(now, late, overslept, switches, used)
        if self._rest.on:
            soonest = NEVER_NS  # the next beat is soon enough
        return min(soonest, sampled, self._spins.next_ns - now)

    def _late(self, now: int) -> tuple[int, list[tuple[int, Beating]]]:
        """When the next loop is late if it does not beat, and those that are."""
        soonest, late, readings = NEVER_NS, [], _LOOPS_AT_ONCE
        soon = self._late_ns - self._interval_ns - _OVERDUE_NS  # a beat is due: a stall may have begun
        for slot, beating in enumerate(self._slots.beating):
            if beating is not None:
                is_late = beating.mono_ns + self._late_ns <= now
                newest = beating.copy() if is_late else beating
                left = newest.mono_ns + self._late_ns - now
                if left <= 0:
                    late.append((slot, newest))
                    continue
                if left < soonest:
                    soonest = left
                if left < soon and readings:
                    readings -= 1
                    self._machine.read_loop(beating.native_thread, now)
        return soonest, late

    def _sample(self, now: int, late: list[tuple[int, Beating]], overslept: int, switches: int, used: int) -> int:
        cost = time.thread_time_ns()
        wanted, soonest = self._wanted(now, late)
        switches = kernel.switches() - switches if overslept >= self._gap_ns else 0
        # Nothing before this gives up the GIL: the frames are those of the moment at which it was had.
        walks: dict[int, Walk] = {}
        seen: list[tuple[Underway, SeenStack]] = []
        if wanted or switches > _OWN_SWITCHES:
            frames = current_frames()
            for underway in wanted:
                frame = frames.get(underway.before.thread)
                if frame is not None:
                    seen.append((underway, of_loop(walk(frame), frame, underway.before, underway.known)))
            if switches > _OWN_SWITCHES:
                frames.pop(get_ident(), None)
                walks = {thread: walk(frames[thread]) for thread in list(frames)[:_THREADS_MAX]}
            del frames
        if overslept >= self._gap_ns:
            self._explain(now - overslept, now, walks, time.process_time_ns() - used, switches)
        for underway, stack in seen:
            native = underway.before.native_thread
            used_now, before = kernel.thread_time(native), self._machine.queued_before(native)
            underway.add(now, stack, used_now, before, kernel.state(native))
            newest = underway.samples[-1]
            if not (newest.computes or newest.starved) and _is_parked(underway.before, stack):
                underway.begin_anew(now)
        self._finish_all()
        if seen:
            self._rested_ns = now + self._price.rest(time.thread_time_ns() - cost)
        return min([soonest, *(underway.pause(now) for underway, _ in seen)])

    def _wanted(self, now: int, late: list[tuple[int, Beating]]) -> tuple[list[Underway], int]:
        """The stalls that are to be sampled now, and when there is another."""
        late_ones: list[Underway] = []
        for slot, beating in late:
            underway = self._underway.get(slot)
            if underway is None or underway.before.mono_ns != beating.mono_ns:
                if underway is not None:
                    self._finish_all()
                underway = self._underway[slot] = Underway(beating, beating.mono_ns + self._interval_ns - self._half_ns)
            late_ones.append(underway)
        late_ones.sort(key=lambda one: one.next_ns)
        if now < self._rested_ns:
            return [], self._rested_ns - now
        wanted = [one for one in late_ones[:_LOOPS_AT_ONCE] if one.next_ns <= now]
        return wanted, min((one.next_ns - now for one in late_ones[len(wanted) :]), default=NEVER_NS)

    def _explain(self, began: int, now: int, walks: dict[int, Walk], used: int, switches: int) -> None:
        """Notes why this thread did not run: another had the GIL, or the machine did not let it."""
        queued = self._machine.queued_meanwhile()
        waited = now - began - queued
        if waited * 4 < now - began or switches <= kernel.waits_for_gil(waited / 1e9) / 4 + _OWN_SWITCHES:
            cause = self._machine.cause(now - began, queued, used)
            if cause is not None:
                self._intervals.append(Interval(began, now, cause))
            return
        beats = {one.native_thread: one.cpu_ns for one in self._slots.beating if one is not None}
        holder = self._machine.holder(used, now - began, beats)
        thread, name = named_threads().get(holder or 0, (0, ""))
        found = walks.get(thread)
        if found is not None and found.codes:
            self._intervals.append(Interval(began, now, "call", thread, name, of_thread(found)))

    def _goes_on(self, slot: int, underway: Underway) -> bool:
        beating = self._slots.beating[slot]
        return beating is not None and beating.mono_ns == underway.before.mono_ns

    def _finish_all(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                late = self._slots.late.popleft()
                if self._counted.pop(late.slot, None) != late.before.mono_ns:
                    self._finish(late)

    def _finish(self, late: LateBeat) -> None:
        """A stall is over."""
        slot, before = late.slot, late.before
        underway = self._underway.get(slot)
        if underway is not None and underway.before.mono_ns == before.mono_ns:
            del self._underway[slot]
        else:
            underway = None
        length = late.delay_ns + self._half_ns
        if underway is not None:
            length = min(length, late.mono_ns - underway.since_ns)
        if length < self._threshold_ns:
            return
        samples = []
        if underway is not None:
            samples = underway.finish(late.mono_ns, late.cpu_ns, kernel.thread_time(before.native_thread))
        collected = [Interval(begin, end, "gc", ran_ns=ran) for begin, end, ran in list(self._garbage.long)]
        began = late.mono_ns - length
        computing = max(0, min(late.cpu_ns - before.cpu_ns, length))
        stall = EndedStall(began, late.mono_ns, self._threshold_ns, before.thread, computing, samples)
        parts, nobodys = shares(stall, [*collected, *self._intervals])
        self._culprits.add(parts, nobodys, slot)
        blamed = [one for one in parts if one.what in ("call", "callbacks", "gc")]
        if blamed or nobodys:
            self._rest.stalled(late.mono_ns, seen=bool(samples) or self._was_queued(before, length))
        self._spins.stalled(slot, sum(one.time for one in blamed))
        self._slots.waited[slot] += sum(one.time - min(one.time, one.computing) for one in parts if one.what == "call")

    def _was_queued(self, before: Beating, length: int) -> bool:
        """Whether the loop's thread had no processor for half of this stall, by what was read before it."""
        was, used = self._machine.queued_before(before.native_thread), kernel.thread_time(before.native_thread)
        return was is not None and used is not None and (used.queued_ns - was[1]) * 2 >= length


def _is_parked(beating: Beating, seen: SeenStack) -> bool:
    return not seen.turning and is_parked(beating.loop, beating.thread, seen.stack, ())
