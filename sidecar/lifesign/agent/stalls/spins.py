"""Loops that turn without a pause: which of them, since when, and what they do."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from lifesign.agent.harmless import harmless
from lifesign.agent.price import Price
from lifesign.agent.slots import NEVER_NS, Beating, LoopSlots
from lifesign.agent.stalls import kernel
from lifesign.agent.stalls.callback import next_task
from lifesign.agent.stalls.stacks import SeenStack, Walk, of_loop, walk
from lifesign.agent.stalls.stacktimes import StackTimes
from lifesign.agent.tasks import odd
from lifesign.agent.tasks.frames import current_frames
from lifesign.agent.tasks.waiting.primitives import own_place
from lifesign.agent.tasks.walk import links
from lifesign.wire.frames import is_library
from lifesign.wire.lane import LaneWriter

if TYPE_CHECKING:
    from lifesign.wire.frames import Frame
    from lifesign.wire.stalls import NextTask

SAMPLES = 40
_ATTEMPTS = 60  # some find the loop in between
_BEGINS = 0.9  # utilization
_ENDS = 0.7
_LIKELY = 0.05  # from which on it is looked at how long the thread waits for a processor
_PAUSE_NS = (15_000_000, 65_000_000)  # from and to: not in step with anything
_PRICE = 100  # a pause is at least so many times what a sample costs
_QUIET_NS = 30_000_000_000  # between the samples of one spin and of the next in the same place
_AGAIN_NS = 60_000_000_000  # until a spin that goes on is sampled again; twice as long each time ...
_AGAIN_MAX_NS = 600_000_000_000  # ... up to this


class _Window:
    """A time in which a loop's utilization is measured."""

    def __init__(self, beating: Beating, queued_ns: int | None) -> None:
        self.native_thread = beating.native_thread
        self.mono_ns = beating.mono_ns
        self.wall_ns = beating.wall_ns
        self.cpu_ns = beating.cpu_ns
        self.queued_ns = queued_ns
        self.stalled_ns = 0


class _Spin:
    """A loop that spins, and the samples of it that are under way."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.utilization = 0.0
        self.next_ns = 0
        self.again_ns = _AGAIN_NS
        self.written = False
        self.begin()

    def begin(self) -> None:
        self.attempts = self.last_ns = self.last_cpu_ns = 0
        self.seen: list[SeenStack] = []
        self.stacks = StackTimes()
        self.known: dict[Any, tuple[Walk, SeenStack]] = {}
        self.nexts: Counter[int] = Counter()  # by the id of a task: it ran or was to, where no code of the user's did
        self.tasks: dict[int, weakref.ReferenceType[Any]] = {}

    def note(self, task: Any) -> None:
        """Of a sample in no code of the user's: the task that ran, or was to run next."""
        with contextlib.suppress(TypeError):  # there is none, or its class takes no weak references
            self.tasks[id(task)] = weakref.ref(task)
            self.nexts[id(task)] += 1

    def record(self, slot: int) -> dict[str, Any]:
        counts: Counter[int | None] = Counter(one.place_key for one in self.seen)
        key, most = counts.most_common(1)[0] if counts else (None, 0)
        place: Frame | None = None
        if most * 2 >= len(self.seen):
            lines = Counter(one.place["line"] for one in self.seen if one.place is not None and one.place_key == key)
            place = next((one.place for one in self.seen if one.place_key == key), None)
            if place is not None:
                place = {**place, "line": lines.most_common(1)[0][0]}
        return {
            "kind": "busy_loop",
            "loop": slot,
            "since": self.since_ns,
            "at": time.time_ns(),
            "utilization": self.utilization,
            "samples": len(self.seen),
            "in_place": 0 if place is None else most,
            "place": place,
            "stacks": self.stacks.most(),
            "next": self._next(),
        }

    def _next(self) -> NextTask | None:
        key, count = self.nexts.most_common(1)[0] if self.nexts else (0, 0)
        task = self.tasks[key]() if count * 2 > len(self.seen) else None
        if task is None:
            return None
        with harmless:
            return {"task": odd.name(task), "count": count, "place": own_place(links(task))}
        return None


class Spins:
    """The loops of one process that spin.

    Args:
        timeout: seconds for which a loop must have been busy.
    """

    def __init__(self, ring: LaneWriter, slots: LoopSlots, timeout: float) -> None:
        self.next_ns = NEVER_NS  # when there is something to sample
        self._ring = ring
        self._slots = slots
        self._timeout_ns = int(timeout * 1e9)
        self._windows: dict[int, _Window] = {}
        self._spins: dict[int, _Spin] = {}
        self._quiet_ns: dict[int, int] = {}  # by slot, before when no other spin is sampled
        self._checked_ns = 0
        self._price = Price(_PRICE)
        self._seed = 1

    def stalled(self, slot: int, length_ns: int) -> None:
        """For so long the loop did not turn: that is no spin."""
        window = self._windows.get(slot)
        if window is not None:
            window.stalled_ns += length_ns

    def beat(self, now: int) -> None:
        """Called at each beat; measures now and then."""
        if 0 <= now - self._checked_ns < min(self._timeout_ns // 3, 1_000_000_000):
            return
        self._checked_ns = now
        for slot, beating in enumerate(self._slots.beating):
            if beating is not None:
                self._measure(slot, beating.copy(), now)
            elif slot in self._windows:
                del self._windows[slot]
                self._end(slot)

    def _measure(self, slot: int, beating: Beating, now: int) -> None:
        window = self._windows.get(slot)
        if window is None or window.native_thread != beating.native_thread:
            self._windows[slot] = _Window(beating, None)
            self._end(slot)
            return
        passed = beating.mono_ns - window.mono_ns
        if passed < 0:
            self._windows[slot] = _Window(beating, None)  # the clock was set back
        if passed < self._timeout_ns:
            return
        used = beating.cpu_ns - window.cpu_ns
        utilization, queued = used / passed, None
        if utilization >= _LIKELY:
            read = kernel.thread_time(beating.native_thread)
            queued = None if read is None else read.queued_ns
            if queued is not None and window.queued_ns is not None:  # of the time for which it had a processor
                utilization = used / max(used, passed - (queued - window.queued_ns))
        utilization = min(1.0, utilization)
        self._windows[slot] = _Window(beating, queued)
        if window.stalled_ns * 2 > passed:
            return
        spin = self._spins.get(slot)
        if spin is None and utilization >= _BEGINS:
            spin = self._spins[slot] = _Spin(window.wall_ns)
            spin.next_ns = max(now, self._quiet_ns.get(slot, 0))
            self.next_ns = min(self.next_ns, spin.next_ns)
        if spin is not None:
            spin.utilization = utilization
            if utilization < _ENDS:
                self._end(slot)

    def _end(self, slot: int) -> None:
        spin = self._spins.pop(slot, None)
        if spin is not None and spin.written:
            spin.begin()
            self._ring.append(spin.record(slot))

    def sample(self, now: int) -> None:
        """Takes the samples that are due."""
        self.next_ns = NEVER_NS
        for slot, spin in list(self._spins.items()):
            beating = self._slots.beating[slot]
            if beating is not None and now >= spin.next_ns:
                self._sample(slot, spin, beating, now)
            self.next_ns = min(self.next_ns, spin.next_ns)

    def _sample(self, slot: int, spin: _Spin, beating: Beating, now: int) -> None:
        cost = time.thread_time_ns()
        frame = current_frames().get(beating.thread)
        seen = None if frame is None else of_loop(walk(frame), frame, beating, spin.known)
        del frame
        used = kernel.thread_time(beating.native_thread)
        cpu = 0 if used is None else used.cpu_ns
        spin.attempts += 1
        if seen is not None and seen.place is not None:
            spin.seen.append(seen)
            if not seen.place["file"] or is_library(seen.place["file"]):
                spin.note(next_task(beating.loop))
            passed = now - spin.last_ns if spin.last_ns else 0
            spin.stacks.add(seen, 1, passed, max(0, min(passed, cpu - spin.last_cpu_ns)))
        spin.last_ns, spin.last_cpu_ns = now, cpu
        rest = self._price.rest(time.thread_time_ns() - cost)
        spin.next_ns = now + max(self._irregular(*_PAUSE_NS), rest)
        if len(spin.seen) == SAMPLES or spin.attempts == _ATTEMPTS:
            self._ring.append(spin.record(slot))
            spin.written = True
            self._quiet_ns[slot] = now + _QUIET_NS
            spin.begin()
            spin.next_ns = now + spin.again_ns
            spin.again_ns = min(2 * spin.again_ns, _AGAIN_MAX_NS)

    def _irregular(self, least: int, most: int) -> int:
        self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF  # not the program's own random numbers
        return least + (self._seed >> 8) % (most - least)
