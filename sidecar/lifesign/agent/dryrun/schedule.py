"""When the events of a dry run are due: a rate that does not drift, with bounded catching up."""

from __future__ import annotations

CATCH_UP_SECONDS = 1.0


class Schedule:
    """Event number *n* is due `n / rate` seconds after the start, however long the ones before it took.

    A run that is late catches up, but only on the last `CATCH_UP_SECONDS` or the last event, whichever is
    longer: what lies further back is skipped and counted, so that nothing piles up. Times are monotonic
    seconds.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._catch_up = max(CATCH_UP_SECONDS, 1 / rate)
        self.skipped = 0
        self.restart(now)

    def restart(self, now: float) -> None:
        """The next event is due now; what was due before, as during a pause, is forgotten."""
        self._base = now
        self._taken = 0

    def ahead(self, now: float) -> float:
        """Seconds until the next event is due; 0 or less when it is. Skips what is too long ago."""
        ahead = self._ahead(now)
        too_many = int((-ahead - self._catch_up) * self._rate)
        if too_many > 0:
            self._taken += too_many
            self.skipped += too_many
            ahead = self._ahead(now)
        return ahead

    def take(self, number: int) -> None:
        """This many events are made now."""
        self._taken += number

    def lag(self, now: float) -> float:
        """Seconds that the next event is late, 0.0 while it is not."""
        return max(0.0, -self._ahead(now))

    def _ahead(self, now: float) -> float:
        # From the base each time: a sum of intervals would drift by its rounding.
        return self._base + self._taken / self._rate - now
