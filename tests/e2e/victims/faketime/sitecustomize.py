"""Stands in PYTHONPATH wherever libfaketime is preloaded.

Its version 0.9.10 turns the deadline of clock_nanosleep into nonsense, so that `time.sleep` raises EINVAL
from Python 3.11 on, whatever the offset. Waiting with select sleeps as well, and keeps to the monotonic clock.
"""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = sleep
