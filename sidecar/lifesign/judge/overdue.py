"""Promised events that are overdue, each by itself: of several kinds of work, a service may lose one at a time."""

from __future__ import annotations

from typing import NamedTuple

from lifesign.judge.reading import Reading
from lifesign.wire import layout
from lifesign.wire.reader import EventCount

_NAMED = 3  # that are listed by name
_NOTICED_NS = 3_000_000_000  # by which an end may be noticed late, or said to be early


class Overdue(NamedTuple):
    """A promised event that is overdue, in words, since when, and when it came last, in wall clock nanoseconds."""

    name: str
    words: str
    since: int
    last: int = 0  # where it never came


def overdue(reading: Reading) -> list[Overdue]:
    """The promised events that are overdue now; none is before the boot has ended."""
    phase = reading.watchdog.boot_phase if reading.watchdog else layout.BOOT_STARTING
    if phase == layout.BOOT_STARTING:
        return []
    return [late for event in reading.events if (late := _judged(event, reading)) is not None]


def described(late: list[Overdue]) -> str:
    """All of them in one line."""
    more = f"; and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return "; ".join(one.words for one in late[:_NAMED]) + more


def is_between(at: int, late: list[Overdue]) -> bool:
    """Whether something was noticed at that time, wall clock, that may have ended one of these events.

    It came last before that, or as it happened, and was due after it.
    """
    return any(one.last and one.last - _NOTICED_NS <= at <= one.since + _NOTICED_NS for one in late)


def event_age(event: EventCount, started: int, now: int) -> int:
    """Nanoseconds since the newest event, or since `started` where there was none.

    In a dry run that no real event came to, synthetic ones stand in for them.
    """
    return max(0, now - (event.mono_ns or event.stand_in_ns or started))


def _judged(event: EventCount, reading: Reading) -> Overdue | None:
    if not event.deadline_ns:
        return None
    age = event_age(event, reading.started, reading.now)
    never = not (event.mono_ns or event.stand_in_ns)
    late = age - event.deadline_ns
    watchdog = reading.watchdog
    if late > 0:
        last = "none since the start" if never else "last seen"
        due = f"{last} {_seconds(age)} ago, due every {_seconds(event.deadline_ns)}"
        words = f"promised event {event.name!r} is {_seconds(late)} late: {due}"
        return Overdue(event.name, words, reading.wall - late, event.wall_ns if event.mono_ns else 0)
    if not (never and watchdog and watchdog.boot_phase == layout.BOOT_TIMED_OUT):
        return None
    # The boot waited for it for as long as it could.
    since = max(0, reading.now - watchdog.boot_ended_ns)
    words = (
        f"promised event {event.name!r} has not been seen since the start {_seconds(age)} ago: the boot waited for it"
    )
    return Overdue(event.name, f"{words} until it timed out", reading.wall - since)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.1f} s"
