"""How long a process may be left alone: values by hand, times in seconds from the reading on."""

from __future__ import annotations

from typing import Any

from lifesign.judge.pace import quiet_until
from lifesign.judge.reading import Ending
from support.made.readings import CLEAN, ENDED, NOW, S, event, loop, reading, watchdog
from support.rows import rows

# The heartbeat timeout is 3 s: from 1.5 s without a beat on it is looked at closely.
ROWS: list[tuple[str, dict[str, Any], str, float | None]] = [
    ("both beat", {"loops": (loop(0.2),), "watchdog": watchdog(0.1)}, "healthy", 1.3),
    ("the watchdog's beat is the older one", {"loops": (loop(0.2),), "watchdog": watchdog(0.5)}, "healthy", 1.0),
    ("one loop of two is late", {"loops": (loop(0.2), loop(1.4))}, "healthy", 0.1),
    ("late already", {"loops": (loop(2.0),)}, "healthy", -0.5),
    ("its loop has ended", {"loops": (loop(50, ENDED),), "watchdog": watchdog(0.1)}, "idle", 1.4),
    ("a promised event is due sooner", {"events": (event("order", 29.5, 30), event("tick", 1, 5))}, "healthy", 0.5),
    ("an event that nobody promised", {"events": (event("order", 50),)}, "healthy", 1.4),
    ("a promised event is overdue", {"events": (event("order", 31, 30),)}, "silent", 1.4),
    ("something does not hold", {}, "degraded", 1.4),
    ("booting", {}, "starting", None),
    ("blocked", {"loops": (loop(4),)}, "blocked", None),
    ("frozen", {"loops": (loop(4),)}, "frozen", None),
    ("its end is not judged yet", {"alive": False}, "healthy", None),
    ("it says that it ends", {"tombstone": CLEAN}, "healthy", None),
    ("it was asked to end", {"ending": Ending("SIGTERM", asked_at=NOW - S)}, "healthy", None),
    ("its container is ended for an illness", {"ending": Ending(ill="blocked")}, "healthy", None),
    ("its pod ends", {"ending": Ending(pod_ends=True)}, "healthy", None),
    ("its agent has not beaten", {"watchdog": None}, "healthy", None),
]


@rows("name, read, state, seconds", ROWS)
def test_it_is_left_alone_until(name: str, read: dict[str, Any], state: str, seconds: float | None) -> None:
    until = quiet_until(reading(**read), state, 0.1)
    assert until == 0 if seconds is None else round((until - NOW) / 1e9, 6) == seconds


def test_no_delay_of_a_loop_that_beats_often_is_overwritten_before_it_is_read() -> None:
    assert quiet_until(reading(), "healthy", 0.001) - NOW == 256_000_000  # half of the 512 that are kept
