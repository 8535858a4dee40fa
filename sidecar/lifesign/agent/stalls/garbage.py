"""The garbage collector's part: while it runs nobody else has the GIL, so no sample can show it.

What is installed costs each collection 0.7 microseconds. Those of the youngest generation are short and many, and are
not measured.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from typing import Any, Callable

_LEAST_NS = 5_000_000
_KEPT = 256


class Garbage:
    """Measures collections from `begin` to `close`.

    `long` has the newest of some length: begin, end, and the processor time of the thread.
    """

    def __init__(self) -> None:
        self.long: deque[tuple[int, int, int]] = deque(maxlen=_KEPT)
        self._began = self._used = 0
        self._clock: Callable[[], int] = time.monotonic_ns  # there also while the interpreter ends
        self._cpu: Callable[[], int] = time.thread_time_ns

    def begin(self) -> None:
        if self._seen not in gc.callbacks:
            gc.callbacks.append(self._seen)

    def close(self) -> None:
        if self._seen in gc.callbacks:
            gc.callbacks.remove(self._seen)

    def _seen(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] == 0:
            return
        if phase == "start":
            self._began, self._used = self._clock(), self._cpu()
        elif self._began:
            now = self._clock()
            if now - self._began >= _LEAST_NS:
                self.long.append((self._began, now, self._cpu() - self._used))
            self._began = 0
