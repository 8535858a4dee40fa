"""What the machine did when this process could not run: then nobody in it is to blame.

Nothing is read for a beat that is on time: only once a second, and little, so that there is something to compare with,
and more seldom while no loop has anything to do.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from lifesign.agent.native import get_native_id
from lifesign.agent.slots import LoopSlots
from lifesign.agent.stalls import kernel
from lifesign.agent.tasks import odd

if TYPE_CHECKING:
    from lifesign.wire.stalls import StallKind

_SECOND = 1_000_000_000
_LOOPS = 8  # that are read at once, by turns
_SELDOM = 5 * _SECOND  # between two readings at rest, and of what costs more
_QUOTA_EVERY = 60 * _SECOND  # between two searches for a quota
_THREADS = 64
_RAN_PART = 10  # of a time: who has used so much of the processor did run meanwhile


class Machine:
    """Compares with what it read not long ago."""

    def __init__(self, slots: LoopSlots) -> None:
        self._slots = slots
        self._quota = kernel.Quota()
        self._quota_ns = time.monotonic_ns()  # when it was searched for
        self._read_ns = self._more_read_ns = -_SELDOM
        self._turn = 0
        self._own = kernel.ThreadTime(0, 0)
        self._throttled_ns = self._stolen_ns = 0
        self._queued: dict[int, tuple[int, int]] = {}  # by native thread, when it was read and what it was
        self._threads: dict[int, int] = {}  # the processor time of threads, by native id

    def read(self, now: int, *, at_rest: bool) -> None:
        """Called at each beat; reads what is due."""
        if 0 <= now - self._read_ns < (_SELDOM if at_rest else _SECOND):
            return
        self._read_ns = now
        if not 0 <= now - self._quota_ns < _QUOTA_EVERY:
            self._quota_ns, self._quota = now, kernel.Quota()
        self._own = kernel.thread_time(get_native_id()) or self._own
        self._throttled_ns = self._quota.throttled_ns()
        self._read_loops(now)
        if not 0 <= now - self._more_read_ns < _SELDOM:
            self._more_read_ns = now
            self._stolen_ns = kernel.stolen_ns()
            self._threads = self._cpu_times()

    def _read_loops(self, now: int) -> None:
        loops = [one.native_thread for one in self._slots.beating if one is not None]
        if len(self._queued) > 4 * len(loops):
            self._queued.clear()
        for _ in range(min(_LOOPS, len(loops))):
            self._turn = (self._turn + 1) % len(loops)
            self.read_loop(loops[self._turn], now)

    def read_loop(self, native_thread: int, now: int) -> None:
        """Reads for how long a loop's thread has waited for a processor."""
        used = kernel.thread_time(native_thread)
        if used is not None:
            self._queued[native_thread] = now, used.queued_ns

    def queued_before(self, native_thread: int) -> tuple[int, int] | None:
        """For how long a loop's thread had waited for a processor when that was read last, and when that was."""
        return self._queued.get(native_thread)

    def queued_meanwhile(self) -> int:
        """For how long this thread has waited for a processor, not for the GIL, since that was read last."""
        before, self._own = self._own, kernel.thread_time(get_native_id()) or self._own
        return self._own.queued_ns - before.queued_ns

    def cause(self, gap_ns: int, queued_ns: int, cpu_ns: int) -> StallKind | None:
        """What kept this thread from running, which did not wait for the GIL; None where it is not known.

        Args:
            gap_ns: for how long.
            queued_ns: for how long it waited for a processor.
            cpu_ns: what the process has used meanwhile.
        """
        throttled, stolen = self._quota.throttled_ns(), kernel.stolen_ns()
        throttled, self._throttled_ns = throttled - self._throttled_ns, throttled
        stolen, self._stolen_ns = stolen - self._stolen_ns, stolen
        if throttled * 2 >= gap_ns:
            return "quota"
        if queued_ns * 2 >= gap_ns:
            return "starved"
        if stolen * 2 >= gap_ns:
            return "steal"
        return "stopped" if cpu_ns * _RAN_PART < gap_ns else None

    def holder(self, cpu_ns: int, gap_ns: int, beats: dict[int, int]) -> int | None:
        """The native id of the thread that had the GIL for so long until now, as it used the processor.

        Args:
            cpu_ns: what the process has used meanwhile.
            beats: of threads that run loops, what they had used at the newest beat.
        """
        before, now = {**self._threads, **beats}, self._cpu_times()
        self._threads = now
        used = {thread: cpu - before.get(thread, 0) for thread, cpu in now.items()}
        if not used:
            return None
        most = max(used, key=lambda thread: used[thread])
        return most if used[most] * 2 >= cpu_ns and used[most] * _RAN_PART >= gap_ns else None

    def _cpu_times(self) -> dict[int, int]:
        found: dict[int, int] = {}
        ours = get_native_id()
        for thread in kernel.threads()[:_THREADS]:
            used = kernel.thread_time(thread) if thread != ours else None
            if used is not None:
                found[thread] = used.cpu_ns
        return found


def named_threads() -> dict[int, tuple[int, str]]:
    """The number and the name of each thread that `threading` knows, by its native id."""
    known: list[Any] = list(threading._active.values())  # type: ignore[attr-defined] # `enumerate` would wait for a lock
    return {
        native: (one.ident, odd.text(odd.read(one, "_name")))
        for one in known
        if (native := odd.native_id(one)) is not None
    }
