"""A stall while it lasts: samples, each of which stands for the time since the one before it."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from lifesign.agent.slots import Beating
from lifesign.agent.stalls.kernel import ThreadTime
from lifesign.agent.stalls.stacks import SeenStack, Walk

_PAUSE_NS = 10_000_000
_GROWTH = 20  # the pause is this part of the stall's age: a stall of a week takes some 300 samples
_COMPUTES = 4  # a thread computes that has used this part of the time


class Sample(NamedTuple):
    """What a loop's thread did, as far as is known since `began_ns`.

    In nanoseconds, what it used of the processor meanwhile, and for how long it was ready to and got none, None where
    that is unknown. `paging` says that it waited for a disk that memory had been moved to, `ready` that it was ready
    to run and had not run, which the kernel has not counted yet, `asleep` that it slept when it was looked at.
    """

    began_ns: int
    at_ns: int
    seen: SeenStack
    computing_ns: int
    queued_ns: int | None
    paging: bool
    ready: bool = False
    asleep: bool = False

    @property
    def starved(self) -> bool:
        """It got no processor, so that nobody knows what it would have done."""
        return self.ready or (self.queued_ns or 0) * 2 > self.at_ns - self.began_ns

    @property
    def computes(self) -> bool:
        return self.computing_ns * _COMPUTES > self.at_ns - self.began_ns - (self.queued_ns or 0)


class Underway:
    """A stall of one loop.

    Args:
        before: the loop's last beat.
        since_ns: when it began, as well as that is known.
    """

    def __init__(self, before: Beating, since_ns: int) -> None:
        self.before = before
        self.since_ns = since_ns
        self.samples: list[Sample] = []
        self.known: dict[Any, tuple[Walk, SeenStack]] = {}
        self.next_ns = 0
        self._cpu_ns = before.cpu_ns
        self._queued_ns: int | None = None
        self._faults: int | None = None

    def add(
        self, now: int, seen: SeenStack, used: ThreadTime | None, before: tuple[int, int] | None, state: tuple[str, int]
    ) -> None:
        """One more sample.

        Args:
            used: by the thread; None where that is unknown.
            before: what the thread had waited for a processor a little earlier, and when that was.
            state: of the thread; see `kernel.state`.
        """
        began = self.samples[-1].at_ns if self.samples else self.since_ns
        length = max(0, now - began)
        computing, queued = 0, None
        if used is not None:
            computing = max(0, min(used.cpu_ns - self._cpu_ns, length))
            queued = max(0, self._queued(now, length, used.queued_ns, before))
            # Reading it gives up the GIL, which the loop's thread may hold for long before it is read: what was used
            # after the sample is the next one's.
            self._cpu_ns += computing
            self._queued_ns = used.queued_ns
        letter, faults = state
        paging = letter == "D" and self._faults is not None and faults > self._faults
        self._faults = faults
        ready = letter == "R" and used is not None and not computing
        self.samples.append(Sample(began, now, seen, computing, queued, paging, ready, letter == "S"))

    def _queued(self, now: int, length: int, queued_ns: int, before: tuple[int, int] | None) -> int:
        if self._queued_ns is not None:
            return queued_ns - self._queued_ns
        if before is None:
            return 0
        at, was = before
        # What was read in this stall stands for all of it until now.
        return (queued_ns - was) * length // (now - at) if self.since_ns <= at < now else queued_ns - was

    def begin_anew(self, now: int) -> None:
        """Nothing was lost until now: a library waited there for something to do."""
        self.since_ns = now
        self.samples = []

    def pause(self, now: int) -> int:
        """Notes and returns how long to wait until the next sample, in nanoseconds."""
        pause = max(_PAUSE_NS, (now - self.since_ns) // _GROWTH)
        self.next_ns = now + pause
        return pause

    def finish(self, now: int, cpu_ns: int, used: ThreadTime | None) -> list[Sample]:
        """All the samples; the last one stands for the time until the end, too.

        Args:
            used: by the thread, read not long after the end.
        """
        if self.samples:
            left = max(0, now - self.samples[-1].at_ns)
            more = max(0, min(cpu_ns - self._cpu_ns, left))
            queued = 0
            if used is not None and self._queued_ns is not None:
                queued = max(0, used.queued_ns - self._queued_ns)
            if self.samples[-1].asleep:
                queued = min(queued, left)
            self.samples[0] = self._first(self.samples[-1].at_ns + left, queued)
            last = self.samples[-1]
            self.samples[-1] = last._replace(
                at_ns=last.at_ns + left,
                computing_ns=last.computing_ns + more,
                queued_ns=None if last.queued_ns is None else last.queued_ns + queued,
            )
            self.samples = _spread(self.samples)
        return self.samples

    def _first(self, ended: int, queued_at_end: int) -> Sample:
        """The first sample, without what its thread may have waited for a processor before the stall."""
        first, rest = self.samples[0], self.samples[1:]
        length, seen = first.at_ns - first.began_ns, ended - first.at_ns
        queued = first.queued_ns or 0
        if seen * 2 >= length:
            later = queued_at_end + sum(one.queued_ns or 0 for one in rest)
            queued = min(queued, length * later // max(1, seen))
        elif queued * 2 < length:
            queued = 0
        return first._replace(queued_ns=None if first.queued_ns is None else queued)

    def evidence(self, place: int | None) -> tuple[int, int, int]:
        """In how many samples the thread had its turn; and in how many of these it was in this place, or computed."""
        samples = [one for one in _spread(self.samples) if not one.starved]
        return (len(samples), sum(one.seen.place_key == place for one in samples), sum(one.computes for one in samples))


def _spread(samples: Sequence[Sample]) -> list[Sample]:
    """The kernel counts how long a thread was ready once it runs again: that belongs to the samples before, too.

    Not to one that it slept at. (Linux 6.12 and newer counts a whole sleep as such a time where it moves the thread to
    another processor just when that falls asleep, which happens where many want to run.)
    """
    spread = list(samples)
    more = 0
    for index in reversed(range(len(spread))):
        one = spread[index]
        if one.asleep and index + 1 < len(spread):
            more = 0
        if one.queued_ns is not None:
            more += one.queued_ns
            queued = max(0, min(more, one.at_ns - one.began_ns - one.computing_ns))
            spread[index] = one._replace(queued_ns=queued)
            more -= queued
    return spread
