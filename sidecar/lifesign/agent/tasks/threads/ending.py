"""Whether the program has come to its end and Python waits: for tasks that `asyncio.run` has cancelled, or for threads.

Nothing is patched to know that. Of the first the loop's thread has a frame that ends what is left of a loop, and in the
second the interpreter says that its main thread is over. A program whose loop has ended and that goes on shows neither,
and one whose threads do its work, after the main thread has made them, shows that by its events.
"""

from __future__ import annotations

import asyncio.runners
import threading
import time
from typing import Any, Callable

from lifesign.agent.slots import LoopSlots
from lifesign.agent.tasks.frames import current_frames
from lifesign.wire import layout

_REASONS = {phase: reason for reason, phase in layout.ENDINGS.items()}
_FRAMES_MAX = 200
# Up to Python 3.10 the one, since then the other, which also waits for generators and for the default executor.
_ENDS = [getattr(asyncio.runners, "_cancel_all_tasks", None), getattr(asyncio.runners, "Runner", None)]
_CODES = [getattr(getattr(one, "close", one), "__code__", None) for one in _ENDS if one is not None]


class ProgramEnd:
    """Looks now and then.

    Args:
        timeout: seconds after which it is worth a word.
        worked: how many events have been counted.
    """

    def __init__(self, slots: LoopSlots, timeout: float, worked: Callable[[], int]) -> None:
        self._slots = slots
        self._worked = worked
        self._worked_before: int | None = None  # the main thread was over
        self._timeout_ns = int(timeout * 1e9)
        self._since_ns = 0
        self._told = False
        self._runs: dict[int, tuple[Any, bool]] = {}  # by slot, the run that was looked at and whether it ends its loop
        self.phase = layout.NOT_ENDING

    @property
    def for_ns(self) -> int:
        """For how long it has waited so far."""
        return time.monotonic_ns() - self._since_ns if self.phase else 0

    def look(self) -> str:
        """The reason for a task dump where it has waited for long enough; each time it comes to that, once."""
        phase = self._look()
        if phase != self.phase:
            self.phase, self._since_ns, self._told = phase, time.monotonic_ns(), False
        if not phase or self._told or self.for_ns < self._timeout_ns:
            return ""
        self._told = True
        return _REASONS[phase]

    def _look(self) -> int:
        before, self._runs = self._runs, {}
        for slot, beating in enumerate(list(self._slots.beating)):
            if beating is None:
                continue
            run, ends = before.get(slot, (None, False))
            if run != beating.look_after:  # each time that a loop runs it is another one
                ends = _ends_its_loop(beating.thread)
            self._runs[slot] = beating.look_after, ends
        if not self._runs:
            return layout.ENDING_PROGRAM if self._is_over() else layout.NOT_ENDING
        # One that a thread runs for a job of its own comes to an end while the program goes on in the others.
        return layout.ENDING_LOOP if all(ends for _, ends in self._runs.values()) else layout.NOT_ENDING

    def _is_over(self) -> bool:
        if threading.main_thread().is_alive():
            return False
        worked = self._worked()
        if self._worked_before is None:
            self._worked_before = worked
        return self._worked_before == worked


def _ends_its_loop(thread: int) -> bool:
    frame = current_frames().get(thread)
    for _ in range(_FRAMES_MAX):
        if frame is None:
            return False
        if frame.f_code in _CODES:
            return True
        frame = frame.f_back
    return False
