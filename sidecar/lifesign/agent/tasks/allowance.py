"""How much may be written that nobody asked for."""

from __future__ import annotations

BYTES = 64 * 1024  # at once, and in a minute


class Allowance:
    """Grows with the time. What is larger than what is left of it is written all the same, and the next one waits.

    Args:
        most: bytes at once, and in a minute.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = BYTES if most is None else most
        self._spent = 0.0
        self._at = 0.0

    def spend(self, written: int, now: float) -> float:
        """Counts what a dump has written; seconds until there may be another one. `now` is any clock's, in seconds."""
        passed = max(0.0, now - self._at)
        self._spent = max(0.0, self._spent - passed * self._most / 60.0) + written
        self._at = now
        return max(0.0, self._spent - self._most) * 60.0 / self._most
