"""Snapshots and records with everything filled in, so that a test names only what it is about."""

from __future__ import annotations

from typing import Any

from lifesign import semconv
from lifesign.watch.telemetry import Attributes, Log, Snapshot, Span

NOON = 1_793_102_400_000_000_000  # wall clock nanoseconds
SECOND = 1_000_000_000


def snapshot(key: str = "12-0badcafe", state: str = "healthy", **changes: Any) -> Snapshot:
    fields: dict[str, Any] = {
        "key": key,
        "pid": int(key.partition("-")[0]),
        "command": "orders.py",
        "service": "orders",
        "instance": "0d5c5a9e-0000-4000-8000-000000000000",
        "state": state,
        "why": f"because {state}",
        "alive": state not in ("dead", "stopped"),
        "expected": state not in ("dead", "stopped"),
        "uptime": 60.0,
        "beats": 600,
        "beat_age": 0.1,
        "heartbeat_timeout": 3.0,
        "tasks": 4,
        "loops": 1,
        "events": (),
        "postconditions": (),
        "checkpoints": (),
        "boot": "complete",
        "boot_duration": 1.5,
        "dropped": {"ring": 0, "invalid": 0},
        "new_delays": (0.001, 0.004),
    }
    return Snapshot(**{**fields, **changes})


def log(body: str = "something happened", key: str = "12-0badcafe", **changes: Any) -> Log:
    fields: dict[str, Any] = {
        "resource": key,
        "uid": "u",
        "event": semconv.LOG_BLOCKED,
        "time": NOON,
        "observed": NOON,
        "severity": 17,
        "body": body,
    }
    return Log(**{**fields, **changes})


def span(name: str = semconv.SPAN_BLOCKED, key: str = "12-0badcafe", **changes: Any) -> Span:
    fields: dict[str, Any] = {
        "resource": key,
        "trace": "0" * 31 + "1",
        "id": "0" * 15 + "1",
        "name": name,
        "start": NOON,
        "end": NOON + 5 * SECOND,
    }
    return Span(**{**fields, **changes})


def dump_log(dump: str = "d1", tasks: int = 5, groups: int = 2, *, reason: str = "request", **changes: Any) -> Log:
    attributes: Attributes = {
        semconv.DUMP_ID: dump,
        semconv.DUMP_REASON: reason,
        semconv.DUMP_TASKS: tasks,
        semconv.DUMP_GROUPS: groups,
    }
    return log(f"{tasks} tasks", event=semconv.LOG_TASK_DUMP, severity=9, attributes=attributes, **changes)


def group_log(
    index: int,
    count: int,
    dump: str = "d1",
    *,
    stack: str = "main",
    names: list[str] | None = None,
    waits_for: str = "Lock.acquire",
    **changes: Any,
) -> Log:
    attributes: Attributes = {
        semconv.DUMP_ID: dump,
        semconv.GROUP_INDEX: index,
        semconv.GROUP_COUNT: count,
        semconv.GROUP_NAMES: names or [f"worker-{number}" for number in range(count)],
        semconv.GROUP_WAITS_FOR: waits_for,
        semconv.CODE_FUNCTION: "work",
        semconv.CODE_FILE: "/srv/shop.py",
        semconv.CODE_LINE: 7,
        semconv.CODE_STACKTRACE: stack,
    }
    return log("group", event=semconv.LOG_TASK_GROUP, severity=9, attributes=attributes, **changes)
