"""Whether a part of a boot took longer than in the boots before it."""

from __future__ import annotations

from statistics import median
from typing import Sequence

ENOUGH = 3  # boots before; with fewer nothing is usual
_MANY = 10  # boots, of which one may have been as slow as no other
_TIMES = 2.0  # as long as the longest of them ...
_MARGIN_S = 0.25  # ... and by so much


def usual(before: Sequence[float]) -> float | None:
    """The usual of these lengths; None where they are too few."""
    return median(before) if len(before) >= ENOUGH else None


def is_late(length: float, before: Sequence[float]) -> bool:
    """Whether it is far beyond what was ever seen: what varies from boot to boot is not late."""
    if len(before) < ENOUGH:
        return False
    longest = sorted(before)[-2 if len(before) >= _MANY else -1]
    return length > _TIMES * longest and length - longest > _MARGIN_S
