"""Damps the records of a state that is entered again and again: first and last are exported, and how many between.

A few entries in a row are exported one by one. After that an entry is held back until the state has lasted for a
while, or is not entered any more, or the window closes; windows grow for as long as it goes on.
"""

from __future__ import annotations

import msgspec

from lifesign import semconv
from lifesign.watch.telemetry import Log

BURST = 3  # entries that are exported one by one
QUIET_NS = 30_000_000_000  # without an entry: it is over
WINDOW_NS = 30_000_000_000  # one record in each, the next is twice as long ...
WINDOW_MAX_NS = 600_000_000_000
LASTING = 6  # ... and a state that has lasted for this part of it is worth its record


class Damper:
    """The records of one state of one process; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._burst = 0
        self._entered = 0
        self._exported = 0
        self._window = WINDOW_NS
        self._held: Log | None = None
        self._count = 0  # of entries since the newest record

    def enter(self, log: Log, now: int) -> list[Log]:
        """The state is entered, which `log` says; returns it if it is to be exported at once."""
        if now - self._entered >= QUIET_NS:
            self._burst, self._window = 0, WINDOW_NS
        self._entered = now
        self._burst += 1
        if self._burst <= BURST:
            self._exported = now
            return [log]
        self._held = log
        self._count += 1
        return []

    def due(self, now: int, *, lasts: bool, ended: bool = False) -> list[Log]:
        """The newest record that was held back, once it is due, with the number of entries that it stands for.

        Args:
            lasts: whether the process is in the state now.
            ended: whether the process has ended, so that nothing is worth waiting for.
        """
        log, age = self._held, now - self._entered
        if log is None:
            return []
        stable = age >= QUIET_NS or (lasts and age >= self._window // LASTING)
        if not (ended or stable or now - self._exported >= self._window):
            return []
        since = f"{self._count} times in the last {(now - self._exported) / 1e9:.0f} s"
        attributes = {**log.attributes, semconv.STATE_COUNT: self._count}
        if self._count > 1:
            log = msgspec.structs.replace(log, body=f"{log.body}; {since}", attributes=attributes)
        self._held, self._count = None, 0
        self._exported = now
        self._window = min(2 * self._window, WINDOW_MAX_NS)
        return [log]
