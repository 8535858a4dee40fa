"""Heartbeats: a timer inside each event loop, ten per second, which proves that the loop turns."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from typing import Any, Callable, Iterable

from lifesign.agent.harmless import complain, harmless
from lifesign.agent.native import get_ident, get_native_id
from lifesign.agent.process import Agent
from lifesign.agent.slots import Beating, LateBeat
from lifesign.agent.tasks import creation
from lifesign.agent.tasks.threads import calls
from lifesign.loading import from_signal_handler
from lifesign.wire import layout

_FRAMES_MAX = 1000
_DELAYS = layout.DELAYS
_PROFILE_SHOWS = sys.version_info < (3, 12)  # newer ones say elsewhere that there is one

in_dry_runs: list[Callable[[asyncio.AbstractEventLoop], None]] = []  # called at each beat of a process that is one


# For tests: called as a loop starts (True), before its first step, and when it has stopped (False).
on_turning: list[Callable[[asyncio.AbstractEventLoop, bool], None]] = []


class LoopBeat:
    """The beat of one loop in one vital sign slot, for as long as the loop runs.

    Args:
        changed: called when the agent is no longer the process's.
        between: the loop was interrupted at any instruction, and takes nothing but what a signal handler may hand it.
    """

    _generation = 0

    def __init__(
        self,
        agent: Agent,
        loop: asyncio.AbstractEventLoop,
        slot: int,
        changed: Callable[[asyncio.AbstractEventLoop], None],
        *,
        between: bool = False,
    ) -> None:
        LoopBeat._generation += 1
        self.agent = agent
        self.loop = loop
        self.slot = slot
        self._slots = agent.slots
        self._signs = agent.pulse.loops[slot]
        self._delays = self._signs.delays
        self._changed = changed
        self._generation = LoopBeat._generation
        self._interval = agent.settings.heartbeat_interval
        self._interval_ns = int(self._interval * 1e9)
        self._native_thread = get_native_id()
        self._since_ns = time.monotonic_ns()
        # Both are bound once, as to bind a method takes longer than to call it; until `end`, as it refers to itself so.
        self._at_beat = self._beat
        self._beating = Beating(loop, get_ident(), self._native_thread, self._since_ns, 0, self._look_after)
        self._turned = False
        self._pending = False  # a beat is to come
        self._ended = False
        self._signs.begin(layout.LOOP_RUNNING, self._generation, self._native_thread, self._since_ns)
        self._write(self._since_ns, 0, time.thread_time_ns())
        self._slots.beating[slot] = self._beating
        if between:
            self._due_ns = self._since_ns + self._interval_ns
            self._timer: asyncio.Handle = loop.call_soon_threadsafe(self._go_on)
        else:
            self._schedule()

    def _schedule(self) -> None:
        self._due_ns = time.monotonic_ns() + self._interval_ns
        self._timer = self.loop.call_later(self._interval, self._at_beat)
        self._pending = True

    def _beat(self) -> None:
        self._pending = False
        try:
            agent = self.agent
            if agent.ended:
                self._ended = True
                self._changed(self.loop)  # it was stopped, or this is a forked child that took the loop along
                return
            self._turn(agent)
        except Exception as error:  # the loop's exception handler is the user's
            if from_signal_handler(error):
                raise
            complain("a beat failed", error)
        finally:
            # What raised may also be a signal handler's, in the middle of any line here.
            if not self._pending and not self._ended:
                self._schedule()

    def _turn(self, agent: Agent) -> None:
        now, cpu = time.monotonic_ns(), time.thread_time_ns()
        delay = now - self._due_ns
        if delay < 0:
            delay = 0
        slot, slots = self.slot, self._slots
        if delay >= slots.late_ns:
            self._is_late(now, delay, cpu)
        if not self._turned:
            self._beating.outer = _depth() - 1  # without that of `_beat`
            self._turned = True
        beats = slots.beats[slot]
        self._delays[beats % _DELAYS] = delay
        slots.beats[slot] = beats + 1
        if _PROFILE_SHOWS and not calls.profiled and callable(sys.getprofile()):
            calls.profiled = True
        self._write(now, delay, cpu)
        self._schedule()
        if slots.errands:
            slots.run_errands(slot)
        if agent.for_a_loop:
            self._do_what_is_due(agent)

    def _do_what_is_due(self, agent: Agent) -> None:
        agent.boot.beat(self.loop)
        agent.check_requests.beat(self.loop)
        if agent.settings.dry_run:
            for beat in in_dry_runs:
                beat(self.loop)

    def _is_late(self, now: int, delay: int, cpu: int) -> None:
        self._slots.late.append(LateBeat(self.slot, self._beating.copy(), now, delay, cpu))

    def _go_on(self) -> None:
        if not self._pending and not self._ended:
            self._schedule()

    def _look_after(self) -> None:
        """The watchdog finds this late: where a beat was the last one, the loop is asked for another.

        So it is where the next one would come far too late, as the clock was set back (by libfaketime).
        """
        if not self._ended and (not self._pending or self._is_put_off()):
            self.loop.call_soon_threadsafe(self._begin_anew)

    def _begin_anew(self) -> None:
        if self._pending and self._is_put_off():
            self._timer.cancel()
            self._pending = False
        self._go_on()

    def _is_put_off(self) -> bool:
        return self._due_ns - time.monotonic_ns() > 2 * self._interval_ns

    def _write(self, now: int, delay: int, cpu: int) -> None:
        wall, slots, slot = time.time_ns(), self._slots, self.slot
        self._signs.write(slots.beats[slot], wall, now, delay, cpu, slots.waited[slot])
        self._beating.newest = now, wall, cpu

    def is_for(self, agent: Agent | None, loop: Any) -> bool:
        """Whether it beats for this agent in this loop."""
        return self.loop is loop and self.agent is agent and not self._ended

    def end(self) -> None:
        """The loop ended, or runs on without us."""
        self._ended = True
        self._timer.cancel()
        self._at_beat = self._beating.look_after = _nothing
        if self.agent.pid != os.getpid() or self.agent.closed:
            return
        if not self.agent.ended:
            self.agent.slots.beats[self.slot] += not self._turned  # it has turned, if not for as long as a beat takes
            self.agent.boot.loop_ended()
        now, cpu = time.monotonic_ns(), time.thread_time_ns()
        if now - self._due_ns >= self.agent.slots.late_ns:
            self._is_late(now, now - self._due_ns, cpu)
        self._signs.begin(layout.LOOP_ENDED, self._generation, self._native_thread, self._since_ns)
        self._write(now, 0, cpu)
        self.agent.slots.run_errands(self.slot)
        self.agent.slots.give_back(self.slot)


class LoopBeats:
    """The beats of all the loops of this process.

    Args:
        running: gives the process's agent; may start it.
    """

    def __init__(self, running: Callable[[], Agent | None]) -> None:
        self._running = running
        self._by_thread: dict[int, LoopBeat] = {}  # a thread runs one loop at a time
        self._unwatched: dict[int, Any] = {}  # loops that run while no agent does
        self._without_slot: dict[int, tuple[Agent, Any]] = {}  # by thread, loops for which there was no room

    def changed(self, loop: Any, *, between: bool = False) -> None:
        """A loop starts in this thread, or, with None, the one that ran here has ended.

        Or it has run for long, and was interrupted `between` any two of its instructions.

        asyncio also says None in a forked child, before anything of the agent's could be put in order there.
        """
        agent = None if loop is None else self._running()  # starting it may bring us here once more, for the same loop
        thread = get_ident()
        self._unwatched.pop(thread, None)
        without = self._without_slot.pop(thread, None)
        if without is not None:
            without[0].slots.unwatched = len(self._without_slot)
        beat = self._by_thread.get(thread)
        if beat is not None:
            if beat.is_for(agent, loop):
                return
            del self._by_thread[thread]
            beat.end()
            for call in on_turning:
                call(beat.loop, False)
            self._hand_on()
        if loop is None:
            return
        if agent is None:
            self._unwatched[thread] = loop
            return
        slot = agent.slots.take()
        if slot is None:
            self._without_slot[thread] = agent, loop
            agent.slots.unwatched = len(self._without_slot)
            complain(f"more than {len(agent.slots.beats)} event loops at once: {agent.slots.unwatched} go unwatched")
            return
        agent.boot.loop_started()
        if agent.settings.task_origin:
            creation.track(loop)
        if agent.settings.async_debug:
            loop.set_debug(True)
            logging.getLogger("asyncio").setLevel(logging.DEBUG)
        self._by_thread[thread] = LoopBeat(agent, loop, slot, self.changed, between=between)
        for call in on_turning:
            call(loop, True)

    def _hand_on(self) -> None:
        """A slot is free again: a loop that goes without one is to have it."""
        for _, loop in list(self._without_slot.values()):
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._begin, loop)
                return

    def beating(self) -> int:
        """How many loops beat."""
        return len(self._by_thread)

    def watch_those_that_run(self, more: Iterable[asyncio.AbstractEventLoop] = ()) -> None:
        """The agent was started: the loops that ran without it are to beat, and `more` of which nothing was seen."""
        for loop in [*self._unwatched.values(), *more]:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        with harmless:
            if asyncio._get_running_loop() is loop:
                self.changed(loop)


def _nothing() -> None:
    """What a loop that has ended is asked for."""


def _depth() -> int:
    """How many frames the caller's stack has outside of the caller's own."""
    frame, depth = sys._getframe(1).f_back, 0
    while frame is not None and depth < _FRAMES_MAX:
        frame, depth = frame.f_back, depth + 1
    return depth
