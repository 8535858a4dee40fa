"""A number that has only grown since when, each time that it was read."""

from __future__ import annotations

GROWTH_MIN, READ_MIN, SECONDS_MIN = 2.0, 3, 10.0  # from which on that is worth a word
SAME_MAX = 3  # times in a row that it was the same: a program that is stopped for a while may go on
_BETWEEN = 2.0  # seconds: what is read sooner after each other is one


class Grown:
    """One such number.

    Args:
        least: of which it may be said that it is too much.
    """

    def __init__(self, size: int, least: int, now: float) -> None:
        self.least = least
        self._begin(size, now)

    def _begin(self, size: int, now: float) -> None:
        self.first, self.size, self.since, self._at, self._read, self._same = size, size, now, now, 1, 0

    def is_now(self, size: int, now: float) -> None:
        if size < self.size or self._same >= SAME_MAX:
            self._begin(size, now)
        elif now - self._at >= _BETWEEN:
            same = size == self.size
            self._same = self._same + 1 if same else 0
            self.size, self._at, self._read = size, now, self._read + (not same)

    @property
    def seconds(self) -> float:
        """For how long it has only grown."""
        return self._at - self.since

    @property
    def grows(self) -> bool:
        enough = self.size >= max(self.least, GROWTH_MIN * self.first)
        return enough and self._read >= READ_MIN and self.seconds >= SECONDS_MIN
