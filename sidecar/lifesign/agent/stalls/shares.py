"""Who has had a part in a stall, once it is over and its length is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, NamedTuple, Sequence

from lifesign.agent.stalls.stacks import NOTHING, SeenStack
from lifesign.agent.stalls.underway import Sample

if TYPE_CHECKING:
    from lifesign.wire.stalls import StallKind

_SMALL = 10  # what has less than this part of a stall, and is no stall by itself, is the biggest one's
_NEARLY = 5
_SEVERAL = 3  # different callbacks that were seen
_MACHINE = frozenset(("quota", "starved", "paging", "steal", "stopped"))


class Interval(NamedTuple):
    """A time of which it is known what kept all loops from turning.

    `thread` is the number of the thread that held the GIL, its name and stack are `name` and `seen`; else 0.
    """

    began_ns: int
    ended_ns: int
    what: StallKind
    thread: int = 0
    name: str = ""
    seen: SeenStack | None = None
    ran_ns: int | None = None  # for how long the processor was had, where that is known


class EndedStall:
    """A stall that is over.

    `thread` is the number of the loop's thread, and `computing_ns` what that used of the processor meanwhile.
    """

    def __init__(
        self, began_ns: int, ended_ns: int, threshold_ns: int, thread: int, computing_ns: int, samples: Sequence[Sample]
    ) -> None:
        self.began_ns = began_ns
        self.ended_ns = ended_ns
        self.threshold_ns = threshold_ns
        self.thread = thread
        self.computing_ns = computing_ns
        self.samples = samples


class StackShare:
    """One stack's part."""

    def __init__(self, seen: SeenStack) -> None:
        self.seen = seen
        self.samples = self.time = self.computing = 0


class Share:
    """What one culprit has of a stall; `seen` is the sample of it that stands for the most time."""

    def __init__(self, what: StallKind, name: str = "") -> None:
        self.what: StallKind = what
        self.name = name
        self.time = self.samples = self.computing = 0
        self.stacks: dict[int, StackShare] = {}

    @property
    def seen(self) -> SeenStack | None:
        return max(self.stacks.values(), key=lambda one: one.time).seen if self.stacks else None

    def add(self, time: int, computing: int, seen: SeenStack | None, samples: int = 1) -> None:
        self.time += time
        self.computing += computing
        self.samples += samples
        if seen is not None:
            stack = self.stacks.setdefault(id(seen), StackShare(seen))
            stack.time += time
            stack.samples += samples
            stack.computing += computing

    def take(self, other: Share) -> None:
        """What was another's is its own."""
        self.time += other.time
        self.computing += other.computing
        self.samples += other.samples
        for key, stack in other.stacks.items():
            self.stacks.setdefault(key, stack)


def shares(stall: EndedStall, intervals: Iterable[Interval]) -> tuple[list[Share], int]:
    """The parts in a stall, and how much of it is nobody's, in nanoseconds.

    Args:
        intervals: times of which is known what went on: what is certain first.
    """
    taken: list[tuple[int, int]] = []
    found: dict[object, Share] = {}
    machine = [one for one in intervals if one.what in _MACHINE]
    for interval in intervals:
        if interval.what in _MACHINE or interval.thread == stall.thread:  # its own samples show what it did
            continue
        time = sum(
            _lengths(_taken(taken, max(stall.began_ns, interval.began_ns), min(stall.ended_ns, interval.ended_ns)))
        )
        if time:
            place = None if interval.seen is None else interval.seen.place_key
            share = found.setdefault((interval.what, interval.name, place), Share(interval.what, interval.name))
            ran = _ran(interval, time, stall.samples)
            share.add(ran, ran, interval.seen)
            if ran < time:
                found.setdefault("starved", Share("starved")).add(time - ran, 0, None)
    nobodys = 0
    samples = stall.samples or [Sample(stall.began_ns, stall.ended_ns, NOTHING, stall.computing_ns, None, False)]
    for sample in samples:
        pieces = _free(taken, max(stall.began_ns, sample.began_ns), min(stall.ended_ns, sample.at_ns))
        time = sum(_lengths(pieces))
        computing = min(time, sample.computing_ns)
        for what, kept in _machines(sample, pieces, machine):
            most = min(kept, time - computing)
            if most > 0:
                found.setdefault(what, Share(what)).add(most, 0, None)
                time -= most
        if sample.seen.place is None:
            nobodys += time
        elif time:
            key = ("call", "", sample.seen.place_key)
            found.setdefault(key, Share("call")).add(time, computing, sample.seen)
    parts = list(found.values())
    idle = sum(one.time for one in parts if one.what in _MACHINE)
    length = sum(one.time for one in parts) + nobodys
    if idle * 2 >= length and length - idle < stall.threshold_ns:
        return [_whole([one for one in parts if one.what in _MACHINE], length)], 0
    return _joined(_many(parts, samples), min(length // _SMALL, stall.threshold_ns)), nobodys


def _ran(interval: Interval, time: int, samples: Sequence[Sample]) -> int:
    """How much of a time of this interval it was at work; the rest it was ready to, and got no processor."""
    ran, length = interval.ran_ns, max(1, interval.ended_ns - interval.began_ns)
    if ran is None or ran * _NEARLY >= length * (_NEARLY - 1):
        return time
    left = time * (length - ran) // length
    return time - left if sum(one.queued_ns or 0 for one in samples) * 2 >= left else time


def _machines(sample: Sample, pieces: list[tuple[int, int]], known: list[Interval]) -> Iterable[tuple[StallKind, int]]:
    """For how long the machine did not let the thread run, by how."""
    if sample.paging:
        yield "paging", sum(_lengths(pieces))
    for interval in known:
        if interval.what != "starved" or sample.queued_ns is None:  # the thread's own time in the queue is better
            inside = (min(end, interval.ended_ns) - max(begin, interval.began_ns) for begin, end in pieces)
            yield interval.what, sum(max(0, one) for one in inside)
    if sample.queued_ns:
        yield "starved", sample.queued_ns


def _whole(machine: list[Share], length: int) -> Share:
    """Nobody is to blame for what else went on meanwhile."""
    worst = max(machine, key=lambda one: one.time)
    made = Share(worst.what)
    made.add(length, 0, None, sum(one.samples for one in machine))
    return made


def _many(parts: list[Share], samples: Sequence[Sample]) -> list[Share]:
    """Where the loop ran many callbacks, none of which has half of the time, they are one culprit."""
    calls = [one for one in parts if one.what == "call" and not one.name]
    time = sum(one.time for one in calls)
    several = len({one.seen.outermost for one in samples if not one.seen.turning}) >= _SEVERAL
    turned = any(one.seen.turning for one in samples)
    if len(calls) < 2 or not (several or turned) or max(one.time for one in calls) * 2 >= time:
        return parts
    made = Share("callbacks")
    for one in sorted(calls, key=lambda one: -one.time):
        made.take(one)
    return [made, *(one for one in parts if one not in calls)]


def _joined(parts: list[Share], least: int) -> list[Share]:
    """Without those that are too small to be of interest: the biggest has their time."""
    parts = sorted(parts, key=lambda one: -one.time)
    kept = [one for one in parts if one.time >= least] or parts[:1]
    for one in parts[len(kept) :]:
        kept[0].time += one.time
        kept[0].samples += one.samples
        kept[0].computing += one.computing
    return kept


def _taken(taken: list[tuple[int, int]], began: int, ended: int) -> list[tuple[int, int]]:
    """What nothing has taken yet of this time; it is taken now."""
    pieces = _free(taken, began, ended)
    taken += pieces
    return pieces


def _lengths(pieces: list[tuple[int, int]]) -> Iterable[int]:
    return (end - begin for begin, end in pieces)


def _free(taken: list[tuple[int, int]], began: int, ended: int) -> list[tuple[int, int]]:
    pieces = [(began, ended)] if ended > began else []
    for begin, end in taken:
        pieces = [
            piece
            for one, other in pieces
            for piece in ((one, min(other, begin)), (max(one, end), other))
            if piece[1] > piece[0]
        ]
    return pieces
