"""Snapshots for the tests of the gate, with what they do not name as in a service that is well."""

from __future__ import annotations

from lifesign.watch.telemetry import CheckpointReading, Snapshot

STARTED = 1_700_000_000_000_000_000


def checkpoint(
    name: str, at: float, took: float | None = 0.0, number: int | None = None, error: str | None = None
) -> CheckpointReading:
    """A checkpoint that began `at` seconds after the start; one that is under way took None."""
    start = STARTED + round(at * 1e9)
    end = None if took is None else start + round(took * 1e9)
    return CheckpointReading(name, number, start, end, error, None if number is None else 8)


def snapshot(**changes: object) -> Snapshot:
    fields: dict[str, object] = {
        "key": "7-0000000a",
        "pid": 7,
        "command": "shop.py",
        "service": "shop",
        "instance": "i-1",
        "state": "healthy",
        "why": "the event loop beats",
        "alive": True,
        "expected": True,
        "uptime": 1.0,
        "beats": 9,
        "beat_age": 0.05,
        "heartbeat_timeout": 3.0,
        "tasks": 1,
        "loops": 1,
        "events": (),
        "postconditions": (),
        "checkpoints": (checkpoint("started", 0.0, 0.1, 1), checkpoint("config loaded", 0.1, 0.2)),
        "boot": "starting",
        "boot_duration": None,
        "dropped": {},
    }
    return Snapshot(**{**fields, **changes})  # type: ignore[arg-type]
