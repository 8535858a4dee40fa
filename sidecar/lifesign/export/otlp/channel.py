"""One kind of telemetry on its way to the Collector: its attempts, and how they go."""

from __future__ import annotations

import random
import time
from typing import Any

from lifesign.export.complaint import Complaint
from lifesign.export.otlp.exporters import Exporter
from lifesign.export.otlp.outcome import Delivered, Outcome, Retry
from lifesign.off_loop import off_loop

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


class Channel:
    """The way of one kind of telemetry to the Collector."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.backoff = Backoff()
        self.complaint = Complaint()
        self.error: str | None = None  # why it fails, None while it works
        self.retries = 0  # attempts that failed and were worth another one
        self.last_success: float | None = None  # monotonic seconds
        self._opened = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the Collector last took anything, while it fails; 0 while it works."""
        return 0.0 if self.error is None else time.monotonic() - (self.last_success or self._opened)

    async def attempt(self, items: Any) -> Outcome:
        """One attempt, off the event loop."""
        outcome = await off_loop(self.exporter.export, items)
        target = self.exporter.target
        if isinstance(outcome, Delivered):
            self.backoff.reset()
            self.complaint.over("%s reach %s again", target.kind, target.shown)
            self.error = None
            self.last_success = time.monotonic()
        else:
            self.retries += isinstance(outcome, Retry)
            self.error = f"{target.kind} to {target.shown}: {outcome.why}"
        return outcome
