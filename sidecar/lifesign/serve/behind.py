"""What the page asks of the sidecar behind it, beside what is on the board."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lifesign.watch.sources import Source, no_source

Excerpt = Callable[[str, int], list[tuple[int, str]]]  # lines of source around one, with their numbers


def no_excerpt(file: str, line: int) -> list[tuple[int, str]]:
    """For a sidecar that sees other files than the process, or must not show them."""
    return []


class Actions(NamedTuple):
    """What a process can be asked for, by its key; each returns the number of the request.

    They raise `NotWatchedError` or another `LifesignError`.
    """

    dump: Callable[[str], int]
    checks: Callable[[str], int]


class Lookups(NamedTuple):
    """Where the page finds lines of source, and how the sidecar itself is doing."""

    source: Source = no_source
    excerpt: Excerpt = no_excerpt
    problems: Callable[[], tuple[str, ...]] = tuple
