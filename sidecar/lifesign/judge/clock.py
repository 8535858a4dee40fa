"""The monotonic times of a process in those of our own clock.

They are one clock, unless somebody has moved that of the process (libfaketime): then it shows times that are yet to
come. What it says is not believed there, but that it beats is seen: a beat that was not there at the last reading came
between the two.
"""

from __future__ import annotations

from typing import Callable, TypeVar

from lifesign.wire.reader import EventCount, LoopSigns, Vitals, WatchdogSigns

_TO_COME_NS = 1_000_000_000  # ahead of us by so much: no reading takes that long

Signs = TypeVar("Signs", WatchdogSigns, LoopSigns)


class Clock:
    """Remembers, from one reading to the next, when each vital sign came. Times are monotonic nanoseconds.

    Args:
        started: when the process began, by its own clock.
    """

    def __init__(self, started: int) -> None:
        self.started = started
        self._read = 0  # when the last reading was
        self._ahead = 0  # the clock of the process, of ours, at the newest beat
        self._came: dict[object, tuple[object, int]] = {}  # by sign, what it counted, and when it came to that

    def ours(self, vitals: Vitals, now: int) -> Vitals:
        """These vital signs, with times of our clock, none of them after `now`."""
        signs = [one for one in (vitals.watchdog, *vitals.loops) if one is not None]
        newest = max((one.mono_ns for one in signs), default=self.started)
        moved = newest > now + _TO_COME_NS
        self._ahead = newest - now if moved else 0
        if self.started > now + _TO_COME_NS:
            self.started = max(0, min(now, self.started - self._ahead))
        when = self._guessed if moved else self._as_written
        translated = Vitals(
            watchdog=vitals.watchdog and self._at(vitals.watchdog, "watchdog", when, now),
            loops=tuple(one and self._at(one, slot, when, now) for slot, one in enumerate(vitals.loops)),
            events=tuple(self._event(one, place, when, now) for place, one in enumerate(vitals.events)),
            delays=vitals.delays,
        )
        self._read = now
        return translated

    def _at(self, signs: Signs, which: object, when: Callable[..., int], now: int) -> Signs:
        at = when(which, (signs.beats, signs.mono_ns), signs.mono_ns, now)
        return signs if at == signs.mono_ns else signs._replace(mono_ns=at)

    def _event(self, event: EventCount, place: int, when: Callable[..., int], now: int) -> EventCount:
        at = when(("event", place), (event.real, event.mono_ns), event.mono_ns, now)
        stand_in = when(("synthetic", place), (event.synthetic, event.stand_in_ns), event.stand_in_ns, now)
        if (at, stand_in) == (event.mono_ns, event.stand_in_ns):
            return event
        return event._replace(mono_ns=at, stand_in_ns=stand_in)

    def _as_written(self, which: object, counted: object, at: int, now: int) -> int:
        self._came[which] = counted, at
        return at

    def _guessed(self, which: object, counted: object, at: int, now: int) -> int:
        before, came = self._came.get(which, (None, 0))
        if at and before != counted:
            came = min(now, max(at - self._ahead, self._read))
            self._came[which] = counted, came
        return came
