"""Walking slowly on purpose: reading 100,000 tasks must not disturb the loop that runs them."""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

from lifesign.agent.native import sleep

if TYPE_CHECKING:
    from typing import Protocol

    class Aside(Protocol):
        """Who sees to it that the program's garbage is collected in its own threads, see `stalls.finalizers`."""

        def wait(self) -> None: ...

        def ask(self, generation: int) -> bool: ...

        def keep(self, tasks: list[Any]) -> None: ...


# Of processor time between two pauses. Each slice begins with cold caches: ten times as many take half as much again.
SLICE_SECONDS = 0.0016
SHARE = 0.07  # of a core, as long as the walk ends in time
END_SECONDS = 9.0  # the share rises so that it does
PAUSE_MAX = 0.022
PAUSE_A_STEP = 0.00002  # at most, for as many steps as there will be: a dump of a few tasks is over at once
BEAT_SECONDS = 0.05
# What a dump makes is garbage-collected like all else. Up to 3.13 what has survived ten collections of the youngest is
# collected together, 20,000 objects, which takes milliseconds. So that is done after two of them, at a pause:
# it is no more work. Nothing is collected where the program has disabled it.
YOUNG_MAX = 2
MANY = 10_000  # steps from which on there may be as much
_COLLECTS = sys.version_info < (3, 14)
LOOK = 4  # steps between two looks at the clock


class Pace:
    """Counts steps and pauses between slices of them, which gives the GIL to other threads.

    Args:
        beat: called now and then, so that a long walk does not look like a watchdog that stopped.
        steps: roughly how many there will be.
        aside: asked where there may be a collection.
    """

    def __init__(self, beat: Callable[[], None], steps: int, aside: Aside | None = None) -> None:
        self._aside = aside
        self._beat = beat
        self._expected = steps
        self._steps = 0
        self._slice_from = 0
        self._used = time.thread_time()
        self._since = time.monotonic()
        self._next_beat = 0.0
        self._end = time.monotonic() + END_SECONDS

    def step(self) -> None:
        """Counts one; call it once for each thing that is read, where there may be many."""
        self._steps += 1
        if self._steps % LOOK == 0:
            self.look()

    def steps(self, count: int) -> None:
        """Counts some that are taken before it is called again."""
        self._steps += count
        self.look()

    def look(self) -> None:
        """Pauses if it is time to; call it before something that takes some hundred microseconds."""
        if self._aside is not None:
            self._aside.wait()
        now = time.monotonic()
        if now - self._since >= SLICE_SECONDS:  # it costs less than to ask for the processor time
            self._look(now)

    def rest(self) -> None:
        """Pauses now, before or after something that takes long and cannot be divided."""
        if self._aside is not None:
            self._aside.wait()
        self._pause(time.monotonic(), PAUSE_MAX)

    def collect(self) -> None:
        """Pauses, and collects what is young: a large list was made, gone through twice within slices."""
        self._pause(time.monotonic(), PAUSE_MAX, young_max=0)

    def empty(self, things: Any) -> None:
        """Takes all out of a list, a dict, a set or a deque bit by bit: to free them in one go would keep the GIL."""
        take = things.popitem if type(things) is dict else things.pop
        while things:
            self.step()
            take()

    def _look(self, now: float) -> None:
        used = time.thread_time() - self._used
        if used < SLICE_SECONDS:
            self._since = now - used  # others had the processor, or the GIL
            return
        slices_left = max(1.0, (self._expected - self._steps) / max(1, self._steps - self._slice_from))
        self._pause(now, (self._end - now) / slices_left)

    def _pause(self, now: float, most: float, young_max: int = YOUNG_MAX) -> None:
        self._sleep(most)
        if now >= self._next_beat:
            self._beat()
            self._next_beat = now + BEAT_SECONDS
            self._sleep(PAUSE_MAX)
        if _COLLECTS and self._there_are() >= MANY and gc.get_count()[1] >= young_max and gc.isenabled():
            if self._aside is None or not self._aside.ask(1):
                gc.collect(1)
            self._sleep(PAUSE_MAX)
        self._slice_from = self._steps

    def _sleep(self, most: float) -> None:
        used = time.thread_time() - self._used
        longest = min(most, PAUSE_MAX, PAUSE_A_STEP * self._there_are())
        sleep(max(0.0, min(used * (1 / SHARE - 1), longest)))
        self._used = time.thread_time()
        self._since = time.monotonic()

    def _there_are(self) -> int:
        """How many steps there are, which may be more than was thought."""
        return max(self._expected, self._steps)
