"""One kind of telemetry on its way to the Collector: its attempts, and how they go."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from lifesign.export.complaint import Complaint
from lifesign.export.otlp.exporters import Exporter
from lifesign.export.otlp.outcome import Delivered, Outcome, Retry, unexpected
from lifesign.off_loop import off_loop

FIRST = 0.5  # seconds
LONGEST = 30.0


class Backoff:
    """Waits that double up to `LONGEST`, each with jitter, so that sidecars do not retry in step."""

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
    """Sends one kind of telemetry to the Collector."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.backoff = Backoff()
        self.complaint = Complaint()
        self.error: str | None = None  # why it fails, None while it works
        self.retries = 0  # failed attempts that are retried
        self.last_success: float | None = None  # monotonic seconds
        self._asked: float | None = None  # since when an attempt is in progress
        self._opened = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the Collector last took anything, while it fails, or since it owes an answer; else 0."""
        if self.error is not None:
            return time.monotonic() - (self.last_success or self._opened)
        return 0.0 if self._asked is None else time.monotonic() - self._asked

    async def attempt(self, items: Any) -> Outcome:
        """One attempt, off the event loop, within the timeout of the exporter whatever it is busy with."""
        self._asked = time.monotonic()
        attempt = asyncio.ensure_future(off_loop(self.exporter.export, items))
        try:
            await asyncio.wait([attempt], timeout=self.exporter.target.timeout)
        finally:
            self._asked = None
            if not attempt.done():
                attempt.cancel()
                self.exporter.abort()
        return self._noted(_result(attempt))

    def _noted(self, outcome: Outcome) -> Outcome:
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


def _result(attempt: asyncio.Future[Outcome]) -> Outcome:
    if not attempt.done() or attempt.cancelled():
        return Retry("no answer in time")
    error = attempt.exception()
    return attempt.result() if error is None else unexpected("the attempt", error)
