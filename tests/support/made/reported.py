"""A record to report, and what was reported."""

from __future__ import annotations

from typing import Any

from lifesign.watch.telemetry import Log, Span

DRY_RUN = {
    "kind": "dry_run",
    "trace": "c" * 32,
    "id": "d" * 16,
    "type": "order",
    "index": 4,
    "start": 1,
    "end": 2,
    "error": None,
    "adjusted_count": 1,
}


def events(records: list[Any]) -> list[str]:
    return [record.event for record in records if isinstance(record, Log)]


def names(records: list[Any]) -> list[str]:
    return [record.name for record in records if isinstance(record, Span)]
