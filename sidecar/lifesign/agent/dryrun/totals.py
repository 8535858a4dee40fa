"""Exact counts of the dry runs of this process, also of events that are not sampled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifesign.wire.records import DryRunTotals

TYPES_MAX = 50
OTHER = "other"  # counts every type for which there is no place left


class Totals:
    """Counts since the process began, of all its runs."""

    def __init__(self) -> None:
        self._types: dict[str, list[int]] = {}  # handled and failed
        self._lags: dict[int, float] = {}  # seconds, of the runs that go on
        self._skipped = 0

    def count(self, kind: str, failed: bool) -> None:
        """One more event of a type went through the handler."""
        counts = self._types.get(kind)
        if counts is None:
            counts = self._types.setdefault(kind if len(self._types) < TYPES_MAX else OTHER, [0, 0])
        counts[failed] += 1

    def progress(self, run: int, lag: float | None, skipped: int) -> None:
        """How late a run is (None when it is over), and how many events it skipped since it last said so."""
        self._lags.pop(run, None)
        if lag is not None:
            self._lags[run] = lag
        self._skipped += skipped

    def record(self) -> DryRunTotals:
        """All of it in the form of the record."""
        return {
            "kind": "dry_run_totals",
            "at": time.time_ns(),
            "types": [
                {"type": kind, "handled": handled, "failed": failed} for kind, (handled, failed) in self._types.items()
            ],
            "skipped": self._skipped,
            "lag": max(self._lags.values(), default=0.0),
        }
