"""How long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST = 0.5  # seconds
LONGEST = 30.0


class Backoff:
    """Waits that double up to `LONGEST`, each with jitter, so that sidecars do not come back in step."""

    def __init__(self) -> None:
        self._attempts = 0

    def next(self, after: float | None) -> float:
        """Seconds to wait now; never less than the Collector asked for (`after`)."""
        wait = min(LONGEST, FIRST * (1 << min(self._attempts, 16)))
        self._attempts += 1
        return max(wait * random.uniform(0.5, 1.0), after or 0.0)  # noqa: S311 - no secret hangs on it

    def reset(self) -> None:
        self._attempts = 0
