"""What the page asks of the sidecar behind it, beside what is on the board."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

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


class Button(msgspec.Struct, frozen=True):
    """What can be done to the sample service: what happens then, what to look at, and in which part of the page."""

    letter: str
    title: str
    what: str
    look: str
    part: str


def _no_buttons() -> list[Button]:
    return []


def _not_pressed(letter: str) -> None:
    """There is no sample service."""


class Demo(NamedTuple):
    """The sample service's buttons, none where there is no such service; `press` raises `LifesignError`."""

    buttons: Callable[[], list[Button]] = _no_buttons
    press: Callable[[str], None] = _not_pressed


class Lookups(NamedTuple):
    """Where the page finds lines of source, how the sidecar itself is doing, and the sample service."""

    source: Source = no_source
    excerpt: Excerpt = no_excerpt
    problems: Callable[[], tuple[str, ...]] = tuple
    demo: Demo = Demo()
