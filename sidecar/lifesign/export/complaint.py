"""Logs that something keeps failing, without repeating it all the time."""

from __future__ import annotations

import logging
import time

_logger = logging.getLogger("lifesign")

INTERVAL = 60.0  # seconds


class Complaint:
    """One kind of failure, logged at most once in `INTERVAL` seconds, and its end once."""

    def __init__(self) -> None:
        self._said_at: float | None = None

    def say(self, message: str, *args: object) -> None:
        """Warns, unless it did so less than `INTERVAL` seconds ago."""
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= INTERVAL:
            self._said_at = now
            _logger.warning("lifesign: " + message, *args)

    def over(self, message: str, *args: object) -> None:
        """Logs that the failure is over, if it was ever logged."""
        if self._said_at is not None:
            self._said_at = None
            _logger.info("lifesign: " + message, *args)
