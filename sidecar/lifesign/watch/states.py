"""The states of a main process; see `watch.diagnosis` for how they are told apart."""

from __future__ import annotations

STARTING = "starting"
HEALTHY = "healthy"
SILENT = "silent"
IDLE = "idle"
BLOCKED = "blocked"
FROZEN = "frozen"
DEAD = "dead"
STOPPED = "stopped"

STATES = (STARTING, HEALTHY, SILENT, IDLE, BLOCKED, FROZEN, DEAD, STOPPED)
ENDED = (DEAD, STOPPED)
