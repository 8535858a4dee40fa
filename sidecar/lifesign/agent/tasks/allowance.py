"""How much the dumps that nobody asked for may write."""

from __future__ import annotations

BYTES = 64 * 1024  # at once, and in a minute
_BYTES_A_SECOND = BYTES / 60.0


class Allowance:
    """Grows with the time. What is larger than what is left of it is written all the same, and the next one waits."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._at = 0.0

    def spend(self, written: int, now: float) -> float:
        """Counts what a dump has written; seconds until there may be another one. `now` is any clock's, in seconds."""
        passed = max(0.0, now - self._at)
        self._spent = max(0.0, self._spent - passed * _BYTES_A_SECOND) + written
        self._at = now
        return max(0.0, self._spent - BYTES) / _BYTES_A_SECOND
