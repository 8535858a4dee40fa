"""What became of one attempt to deliver something to the Collector."""

from __future__ import annotations

from typing import Union

import msgspec

RETRY_AFTER_MAX = 600.0  # seconds; one wrong header must not silence us for a day


class Delivered(msgspec.Struct, frozen=True):
    """The Collector said that it has everything."""


class Retry(msgspec.Struct, frozen=True):
    """Not delivered, and worth another try.

    `after` is how many seconds the Collector asked to wait, None when it did not say.
    """

    why: str
    after: float | None = None


class Refused(msgspec.Struct, frozen=True):
    """Never to be accepted; `count` records, None for all of them.

    `divisible` says that the request as a whole was the trouble, so that parts of it may go through.
    """

    why: str
    count: int | None = None
    divisible: bool = False


Outcome = Union[Delivered, Retry, Refused]

NOT_SENT = Refused("it cannot be encoded, or is larger than the exporter sends", divisible=True)


def one_line(text: str) -> str:
    """What another program said, fit for one line of a log."""
    return "".join(c if c.isprintable() else " " for c in text[:300]).strip()
