"""Patterns of a dry run: which events come next, and how many at once.

A pattern is called as ``pattern(rng, index, kinds)`` with the run's seeded generator, the number of the next
event and how many event factories there are. It returns the positions of the factories whose events
come now, in order. Only ``rng.random()`` is used here: its sequence is the same on every version of
Python.
"""

from __future__ import annotations

from random import Random
from typing import Callable, Sequence

Pattern = Callable[[Random, int, int], Sequence[int]]


def sequential(rng: Random, index: int, kinds: int) -> Sequence[int]:
    """One event at a time, the factories in turn."""
    return (index % kinds,)


def random(rng: Random, index: int, kinds: int) -> Sequence[int]:
    """One event at a time, of any factory."""
    return (int(rng.random() * kinds),)


_BURST_MAX = 1_000_000


class Burst:
    """From `fewest` to `most` events at once, each of any factory."""

    def __init__(self, fewest: int = 3, most: int = 10) -> None:
        if not (isinstance(fewest, int) and isinstance(most, int) and 1 <= fewest <= most <= _BURST_MAX):
            raise ValueError(f"a burst has from 1 event to a million, the fewest first, not {fewest!r} to {most!r}")
        self._fewest = fewest
        self._sizes = most - fewest + 1

    def __call__(self, rng: Random, index: int, kinds: int) -> Sequence[int]:
        size = self._fewest + int(rng.random() * self._sizes)
        return [int(rng.random() * kinds) for _ in range(size)]


def pattern(name: str, burst: tuple[int, int]) -> Pattern:
    """The pattern of this name; `burst` is the size of a burst, from and to.

    Raises:
        ValueError: there is none of this name, or a burst cannot have this size.
    """
    try:
        fewest, most = burst
    except (TypeError, ValueError):
        raise ValueError(f"burst is from how many to how many events, not {burst!r}") from None
    known: dict[str, Pattern] = {"sequential": sequential, "random": random, "burst": Burst(fewest, most)}
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"pattern {name!r} is not one of: {', '.join(known)}")
    return known[name]
