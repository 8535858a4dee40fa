"""The states of a main process, and the outcomes of its boot; `judge.diagnosis` has the rules."""

from __future__ import annotations

from typing import NamedTuple

STARTING = "starting"
HEALTHY = "healthy"
SILENT = "silent"
DEGRADED = "degraded"
IDLE = "idle"
BLOCKED = "blocked"
FROZEN = "frozen"
DEAD = "dead"
STOPPED = "stopped"

STATES = (STARTING, HEALTHY, SILENT, DEGRADED, IDLE, BLOCKED, FROZEN, DEAD, STOPPED)
ENDED = (DEAD, STOPPED)
ILL = (SILENT, DEGRADED, BLOCKED, FROZEN, DEAD)

# The main process reports all but the last: then it was gone before it reported another one.
BOOT_STARTING, BOOT_DIED = "starting", "died"
BOOT_OUTCOMES = (BOOT_STARTING, "complete", "failed", "timed_out", BOOT_DIED)


class Verdict(NamedTuple):
    """The state, and why in one line.

    `released`: its end was asked for, so no heartbeat is due any more, as long as it may take for that and however it
    ends.
    """

    state: str
    why: str
    released: bool = False
