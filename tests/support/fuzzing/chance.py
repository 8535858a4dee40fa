"""Inputs by chance for a table of `support.rows`: others in each run, and a failure names the seed of its own."""

from __future__ import annotations

from random import Random, SystemRandom

_SEEDS = SystemRandom()


class Chance(Random):
    """A generator whose `repr` makes it again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed

    def __repr__(self) -> str:
        return f"Chance({self._seed})"


def chances(count: int) -> list[Chance]:
    return [Chance(_SEEDS.getrandbits(32)) for _ in range(count)]
