"""How long to rest after work that nobody asked for, so that it costs no more than its share of the time."""

from __future__ import annotations

_LEAST_NS = 250_000  # the first one is compared with this


class Price:
    """Learns what such work costs, in nanoseconds.

    A single time it may cost a thousand times as much: the garbage collector ran in its midst, the kernel was slow to
    answer. Who rested for that would be blind for minutes. So none is taken to cost more than twice the one before it,
    and what is always dear is known after some.

    Args:
        times: the rest is so many times the cost.
    """

    def __init__(self, times: int) -> None:
        self._times = times
        self._cost = 0

    def rest(self, cost: int, usual: int = 0) -> int:
        """Nanoseconds until it may be done again, after it has cost so much.

        Args:
            usual: what so much work costs about, where that is known.
        """
        self._cost = min(cost, 2 * max(self._cost, _LEAST_NS, usual))
        return self._times * self._cost
