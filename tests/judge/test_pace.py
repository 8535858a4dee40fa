"""How long a process may be left alone: values by hand, times in seconds from the reading on."""

from __future__ import annotations

from typing import Any

from lifesign.judge.pace import beaten_until, quiet
from lifesign.judge.reading import Ending
from lifesign.wire.reader import Vitals
from support.made.readings import BOOTING, CLEAN, ENDED, NOW, S, event, loop, reading, watchdog
from support.rows import rows

# The heartbeat timeout is 3 s: from 1.5 s without a beat on it is looked at closely.
# Of 512 delays, one each 0.1 s, half may come until they are read: 25.6 s.
ROWS: list[tuple[str, dict[str, Any], str, tuple[float, float] | None]] = [
    ("both beat", {"loops": (loop(0.2),), "watchdog": watchdog(0.1)}, "healthy", (25.6, 1.3)),
    ("the watchdog's beat is older", {"loops": (loop(0.2),), "watchdog": watchdog(0.5)}, "healthy", (25.6, 1.0)),
    ("one loop of two is late", {"loops": (loop(0.2), loop(1.4))}, "healthy", (25.6, 0.1)),
    ("late already", {"loops": (loop(2.0),)}, "healthy", (25.6, -0.5)),
    ("its loop has ended", {"loops": (loop(50, ENDED),), "watchdog": watchdog(0.1)}, "idle", (25.6, 1.4)),
    ("an event is due sooner", {"events": (event("order", 29.5, 30), event("tick", 1, 5))}, "healthy", (0.5, 1.4)),
    ("an event that nobody promised", {"events": (event("order", 50),)}, "healthy", (25.6, 1.4)),
    ("a promised event is overdue", {"events": (event("order", 31, 30),)}, "silent", (1.0, 1.4)),
    ("something does not hold", {}, "degraded", (1.0, 1.4)),
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
def test_it_is_left_alone_until(
    name: str, read: dict[str, Any], state: str, seconds: tuple[float, float] | None
) -> None:
    until = quiet(reading(**read), state, 0.1)
    assert (until and tuple(round((one - NOW) / 1e9, 6) for one in until)) == seconds


LATER = NOW + 2 * S
BEATEN: list[tuple[str, dict[str, Any], dict[str, Any], float | None]] = [
    ("all beat", {}, {}, 1.4),
    ("the loop does not", {}, {"loops": (loop(0.1),)}, -0.6),
    ("the watchdog does not", {}, {"watchdog": watchdog(0.1)}, -0.6),
    ("one of two does not", {"loops": (loop(0), loop(0))}, {"loops": (loop(-1.9), loop(0), None)}, -0.5),
    ("a loop that has ended need not", {"loops": (loop(9, ENDED),)}, {"loops": (loop(9, ENDED),)}, 1.4),
    ("the loop has ended", {}, {"loops": (loop(-1.9, ENDED),)}, None),
    ("there is another loop", {}, {"loops": (loop(-1.9), loop(-1.9))}, None),
    ("a loop came in its place", {}, {"loops": (loop(-1.9)._replace(generation=2),)}, None),
    ("its boot has ended", {"watchdog": watchdog(0.1, BOOTING)}, {}, None),
    ("a check has failed", {}, {"watchdog": watchdog(-1.9)._replace(failing=1)}, None),
    ("its signs cannot be read", {}, {"watchdog": None}, None),
    ("its clock is another", {}, {"loops": (loop(-9),)}, None),
    ("one of its loops is parked", {"parked": frozenset((7,))}, {}, None),
]


@rows("name, read, found, seconds", BEATEN)
def test_new_beats_put_it_off(name: str, read: dict[str, Any], found: dict[str, Any], seconds: float | None) -> None:
    signs = {"watchdog": watchdog(-1.9), "loops": (loop(-1.9), None), "events": (), "delays": (), **found}
    until = beaten_until(reading(**read), Vitals(**signs), LATER)
    assert until == 0 if seconds is None else round((until - LATER) / 1e9, 6) == seconds


def test_no_delay_of_a_loop_that_beats_often_is_overwritten_before_it_is_read() -> None:
    until = quiet(reading(), "healthy", 0.001)
    assert until is not None
    assert until.until - NOW == 256_000_000  # half of the 512 that are kept
