"""The words of messages, and the names of what tests ask for. pytest loads this at its start."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING
if TYPE_CHECKING:
    from typing import Sequence

MARKER = "lifesign"
FIXTURE = "lifesigns"


def times_text(count: int) -> str:
    """A number of times as one says it."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listed(found: Sequence[str]) -> str:
    """All of them in one line."""
    return ", ".join(found) if found else "none"
